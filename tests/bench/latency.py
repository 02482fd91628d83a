"""How long it takes from a registration until its unit's live feed tells it."""

from collections.abc import Mapping, Sequence

from deploy import topics
from shared.contracts.topics import Topic, TopicKind
from tests.bench.figures import Figure, median_of, spread
from tests.bench.installation import Installation
from tests.bench.load import Job, run_load
from tests.bench.plain_chain import plain_chain
from tests.bench.registering import TURN_LIMIT, all_accepted, is_quiet, send
from tests.bench.sizes import Sizes
from tests.bench.steadiness import watched
from tests.support.wait import eventually

__all__ = ["latency"]

PLAIN_TOPIC = Topic("bench.plain", TopicKind.EVENT)
BOUNDS = {100: 50.0, 500: 25.0}  # per second: most milliseconds of the 99th percentile


async def latency(place: Installation, sizes: Sizes) -> list[Figure]:
    """From the instant a registration is due until its unit's live feed tells it, at constant rates.

    Over all, over those that were due while the machine itself did not falter, and beside the plain chain.
    """
    figures = []
    dsn = place.servers.postgres.create_database()
    await topics.apply(place.servers.kafka, topics=[PLAIN_TOPIC])
    async with (
        place.running("intake", "dispatch") as (intake, dispatch),
        plain_chain(dsn, place.servers.kafka, PLAIN_TOPIC.name) as plain,
    ):
        await send(place, intake, 500)
        for rate, bound in BOUNDS.items():
            everything, steady, plainly, shares = [], [], [], []
            for _ in range(sizes.rounds):
                await eventually(lambda: is_quiet(place), TURN_LIMIT, 0.1)
                job = Job(
                    intake.port,
                    rate * sizes.latency_seconds,
                    rate=rate,
                    categories=place.categories,
                    feed_port=dispatch.port,
                    units=place.units,
                    token=place.token,
                )
                outcome, machine = await watched(run_load(job))
                told = all_accepted(outcome, job).told
                shares.append(round(machine.share, 3))
                everything.append(spread(taken for _, taken in told))
                if undisturbed := [taken for due, taken in told if machine.is_steady(due)]:
                    steady.append(spread(undisturbed))
                plainly.append(spread(taken for _, taken in await plain.run(rate, sizes.latency_seconds)))
            name, title = f"latency_{rate}", f"提交 → 单位任务流，每秒 {rate} 件，p99"
            bounded = [(name, title, everything), (f"{name}_steady", f"{title}，机器自身不停顿时", steady)]
            for each, words, runs in bounded if steady else bounded[:1]:
                middle = _middle(runs)
                figures.append(
                    Figure(
                        *(each, words, "毫秒", middle["p99"], bound, "上限", 1.0, True),
                        more={**middle, "rounds": runs, "machine_steady": shares},
                    )
                )
            ours, chain = _middle(everything)["p99"], _middle(plainly)["p99"]
            more = {"rounds": plainly}
            figures.append(Figure(f"{name}_plain", title, "毫秒", ours, chain, "最简链路的 p99", more=more))
    return figures


def _middle(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each part of a spread the median over the rounds."""
    return {part: median_of([run[part] for run in runs]) for part in runs[0]}
