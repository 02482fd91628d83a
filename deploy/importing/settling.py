"""Waits until what was sent has gone its way: every complaint assigned, every answer applied."""

import time
from collections.abc import Callable, Collection, Sequence

from deploy.client import Client
from deploy.importing.rows import Entry

__all__ = ["count_unsettled", "wait_until_settled"]

PROGRESS = "/api/imports/progress"
WAITING_ANSWERS = "/dispatch/api/answers/imported"
_MOST_LISTED = "500"


def wait_until_settled(
    client: Client,
    entries: Sequence[Entry],
    told: Callable[[int], None],
    *,
    patience: float = 60.0,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Return how many are not settled: 0, or more if none came for `patience` seconds.

    `told` hears each count. What an earlier import from the same sources left unsettled counts too.
    """
    sources = {entry.complaint.source for entry in entries}
    left = count_unsettled(client, sources)
    told(left)
    give_up = time.monotonic() + patience
    while left and time.monotonic() < give_up:
        pause(0.25)
        found = count_unsettled(client, sources)
        if found < left:
            give_up = time.monotonic() + patience
        left = found
        told(left)
    return left


def count_unsettled(client: Client, sources: Collection[str]) -> int:
    """Complaints of `sources` that no unit has yet, or answers that wait for theirs (500 at most)."""
    states = [client.get(PROGRESS, source=source)["states"] for source in sorted(sources)]
    waiting = client.get(WAITING_ANSWERS, state="waiting", limit=_MOST_LISTED)
    unassigned: int = sum(one.get("registered", 0) for one in states)
    return max(unassigned, sum(1 for one in waiting if one["source"] in sources))
