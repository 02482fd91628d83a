"""What registering costs: the durable accept, catching up, the whole chain to a case."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from deploy import topics
from shared.contracts.topics import Topic, TopicKind
from tests.bench import limits
from tests.bench.figures import Figure, median_of, take_turns
from tests.bench.floor import CALLERS, Floor, insert_limit
from tests.bench.installation import Installation
from tests.bench.load import CONNECTIONS, Job, Outcome, run_load
from tests.bench.processes import Server, paused, running_server
from tests.bench.sizes import Sizes
from tests.support.wait import eventually

__all__ = ["TURN_LIMIT", "accept", "all_accepted", "catch_up", "end_to_end", "floor", "is_quiet", "send"]

FLOOR_TOPIC = Topic("bench.floor", TopicKind.EVENT)
TURN_LIMIT = 120.0  # seconds for one round
LOOK_EVERY = 0.05  # seconds between two looks at how far dispatch is


async def floor(place: Installation, sizes: Sizes) -> list[Figure]:
    """The floor itself, beside the insert without any of the rest."""
    dsn = place.servers.postgres.create_database()
    found = await take_turns(
        sizes.rounds,
        ours=lambda: _floor(place, dsn, sizes.floor),
        limit=lambda: insert_limit(dsn, sizes.insert),
    )
    return [
        Figure(
            "floor",
            "下限本身：写入 + 发布 + 标记",
            "条/秒",
            median_of(found["ours"]),
            median_of(found["limit"]),
            "只写入，每批 100 行",
            more={"rounds": found},
        )
    ]


async def _floor(place: Installation, dsn: str, count: int) -> float:
    await topics.apply(place.servers.kafka, topics=[FLOOR_TOPIC])
    return await Floor(dsn, place.servers.kafka, FLOOR_TOPIC.name).run(count)


async def accept(place: Installation, sizes: Sizes) -> list[Figure]:
    """A registration accepted by intake, beside an empty route and a plain program; nobody consumes."""
    dsn = place.servers.postgres.create_database()
    folder = place.servers.folder
    async with (
        place.service("intake") as intake,
        running_server("bare", "tests.bench.limits:create_bare", {}, folder) as bare,
        running_server(
            "tutorial", "tests.bench.limits:create_tutorial", {limits.DATABASE: dsn}, folder
        ) as tutorial,
    ):
        await send(place, intake, 500)

        async def ours() -> float:
            outcome = await send(place, intake, sizes.accept)
            await eventually(lambda: _is_published(place, "intake"), TURN_LIMIT, 0.05)
            return outcome.rate

        async def other(server: Server, count: int) -> float:
            with paused([intake]):
                return (await send(place, server, count)).rate

        found = await take_turns(
            sizes.rounds,
            ours=ours,
            bare=lambda: other(bare, sizes.bare),
            tutorial=lambda: other(tutorial, sizes.tutorial),
        )
    rate, more = median_of(found["ours"]), {"rounds": found}
    return [
        Figure(
            *("accept", "受理并落库（校验、幂等键、留痕、发件箱）", "件/秒", rate),
            *(median_of(found["bare"]), "同一服务器的空路由", 0.45),
            more=more,
        ),
        Figure(
            *("accept_plain", "受理并落库", "件/秒", rate),
            *(median_of(found["tutorial"]), "FastAPI + 每请求一个 SQLModel 会话", 15.0),
            more=more,
        ),
    ]


async def catch_up(place: Installation, sizes: Sizes) -> list[Figure]:
    """Dispatch takes in what was registered while it was away, beside the plain insert."""
    dsn = place.servers.postgres.create_database()
    async with place.service("intake") as intake:
        await send(place, intake, sizes.backlog)
        await eventually(lambda: _is_published(place, "intake"), TURN_LIMIT, 0.05)
        with paused([intake]):
            limit = await insert_limit(dsn, sizes.insert)
            wanted = await _registered(place)
            async with _progress(place) as progress, place.service("dispatch", wait=False) as dispatch:
                before = await progress.reached(1, dispatch)
                started, first = time.monotonic(), before
                await progress.reached(wanted, dispatch)
                elapsed = time.monotonic() - started
            limit = max(limit, await insert_limit(dsn, sizes.insert))
    return [
        Figure(
            *("catch_up", "派单服务停后补收", "件/秒", (wanted - first) / elapsed),
            *(limit, "只写入，每批 100 行", 0.5),
            more={"cases": wanted - first},
        )
    ]


async def end_to_end(place: Installation, sizes: Sizes) -> list[Figure]:
    """From the first POST until dispatch has committed the last case, beside the floor.

    As many requests are in flight as the floor has callers.
    """
    dsn = place.servers.postgres.create_database()
    async with place.running("intake", "dispatch") as services, _progress(place) as progress:
        intake, dispatch = services
        await send(place, intake, 500)

        async def ours() -> float:
            await eventually(lambda: is_quiet(place), TURN_LIMIT, 0.1)
            wanted = await _registered(place) + sizes.chain
            outcome, finished = await asyncio.gather(
                send(place, intake, sizes.chain, CALLERS), progress.reached_at(wanted, dispatch)
            )
            return sizes.chain / (finished - outcome.started)

        async def limit() -> float:
            await eventually(lambda: is_quiet(place), TURN_LIMIT, 0.1)
            with paused(services):
                return await _floor(place, dsn, sizes.floor)

        found = await take_turns(sizes.rounds, ours=ours, limit=limit)
    return [
        Figure(
            *("end_to_end", "提交 → 已派单（两个服务）", "件/秒", median_of(found["ours"])),
            *(median_of(found["limit"]), "下限：写入 + 发布 + 标记", 0.10),
            more={"rounds": found},
        )
    ]


async def send(place: Installation, server: Server, count: int, connections: int = CONNECTIONS) -> Outcome:
    """Register as many complaints as fast as they are taken."""
    server.check()
    job = Job(server.port, count, connections=connections, categories=place.categories)
    return all_accepted(await run_load(job), job)


def all_accepted(outcome: Outcome, job: Job) -> Outcome:
    """The outcome; AssertionError if not every registration was accepted."""
    if outcome.accepted != job.count:
        raise AssertionError(f"not all of {job.count} were accepted: {outcome.statuses}")
    return outcome


class _Progress:
    """How many cases dispatch has: counted by the positions of the feeds, then by the cases themselves."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def reached(self, cases: int, dispatch: Server) -> int:
        """Return as soon as there are `cases`, with how many there are."""
        give_up = time.monotonic() + TURN_LIMIT
        while time.monotonic() < give_up:
            positions = await self._connection.fetchval("SELECT sum(last_position) FROM feed_counters")
            if (positions or 0) >= cases:
                count: int = await self._connection.fetchval("SELECT count(*) FROM cases")
                if count >= cases:
                    return count
            dispatch.check()
            await asyncio.sleep(LOOK_EVERY)
        raise TimeoutError(f"dispatch did not reach {cases} cases in {TURN_LIMIT} s")

    async def reached_at(self, cases: int, dispatch: Server) -> float:
        """The instant (of the monotonic clock) at which there were `cases`."""
        await self.reached(cases, dispatch)
        return time.monotonic()


@asynccontextmanager
async def _progress(place: Installation) -> AsyncIterator[_Progress]:
    connection = await asyncpg.connect(place.system.dsn["dispatch"])
    try:
        yield _Progress(connection)
    finally:
        await connection.close()


async def _registered(place: Installation) -> int:
    return int(await place.system.value("intake", "SELECT count(*) FROM complaints"))


async def _is_published(place: Installation, name: str) -> bool:
    return not await place.system.value(name, "SELECT EXISTS (SELECT 1 FROM outbox_unpublished)")


async def is_quiet(place: Installation) -> bool:
    """Whether everything registered is assigned, published, and known to intake as assigned."""
    cases = await place.system.value("dispatch", "SELECT count(*) FROM cases")
    if cases < await _registered(place) or not await _is_published(place, "dispatch"):
        return False
    return not await place.system.value(
        "intake", "SELECT count(*) FROM complaints WHERE state = 'registered'"
    )
