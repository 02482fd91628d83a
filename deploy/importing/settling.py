"""Waits until what was sent has gone its way: every complaint assigned, every answer applied and scored."""

import time
from collections.abc import Callable, Collection, Mapping

from deploy.client import Client

__all__ = ["count_unsettled", "wait_until_settled"]

PROGRESS = "/api/imports/progress"
WAITING_ANSWERS = "/dispatch/api/answers/imported"
SCORED = "/assessment/api/imports/progress"
_MOST_LISTED = "500"


def wait_until_settled(
    client: Client,
    sources: Collection[str],
    answers: int,
    told: Callable[[int], None],
    *,
    patience: float = 30.0,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Return how many are not settled: 0, or more if none came for `patience` seconds.

    `answers` is how many answers of `sources` must be shown. `told` hears each count. What earlier imports
    left unsettled, such as a dead letter, counts too.
    """
    left = count_unsettled(client, sources, answers)
    told(left)
    give_up = time.monotonic() + patience
    while left and time.monotonic() < give_up:
        pause(0.25)
        found = count_unsettled(client, sources, answers)
        if found < left:
            give_up = time.monotonic() + patience
        left = found
        told(left)
    return left


def count_unsettled(client: Client, sources: Collection[str], answers: int) -> int:
    """How many complaints the service that is furthest behind still lacks.

    Intake lacks those that no unit has yet and the answers it does not show; dispatch those whose answer
    waits (it tells 500 at most); assessment those that intake has further than it.
    """
    ours: list[dict[str, int]] = [client.get(PROGRESS, source=source)["states"] for source in sorted(sources)]
    waiting = client.get(WAITING_ANSWERS, state="waiting", limit=_MOST_LISTED)
    scored: dict[str, int] = client.get(SCORED)
    every: dict[str, int] = client.get(PROGRESS)["states"]
    return max(
        _total(ours, "registered"),
        answers - _total(ours, "answered"),
        sum(1 for one in waiting if one["source"] in sources),
        sum(every.values()) - scored["assigned"],
        every.get("answered", 0) - scored["answered"],
        0,
    )


def _total(states: Collection[Mapping[str, int]], state: str) -> int:
    return sum(one.get(state, 0) for one in states)
