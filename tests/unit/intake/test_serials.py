"""Serials drawn ahead: none is given out twice, whoever waits for the database meanwhile."""

import asyncio
from collections.abc import Sequence
from itertools import count

from services.intake.usecases.register import Serials


class Sequencer:
    """A database whose sequence answers once `parties` have asked."""

    def __init__(self, parties: int) -> None:
        self.asked: list[int] = []
        self._all_asked = asyncio.Barrier(parties)
        self._next = count(1)

    async def fetch(self, _query: str, *args: int) -> Sequence[tuple[int]]:
        self.asked.append(args[0])
        await self._all_asked.wait()
        return [(next(self._next),) for _ in range(args[0])]


async def test_one_draw_serves_many_batches() -> None:
    database, serials = Sequencer(1), Serials()
    taken = [one for _ in range(20) for one in await serials.take(database, 2)]
    assert taken == list(range(1, 41))
    assert len(database.asked) == 1


async def test_batches_that_draw_at_once_share_nothing() -> None:
    database, serials = Sequencer(4), Serials()
    batches = await asyncio.gather(*(serials.take(database, size) for size in (3, 200, 1, 60)))
    taken = [one for batch in batches for one in batch]
    assert len(taken) == len(set(taken)) == 264
    assert len(database.asked) == 4
