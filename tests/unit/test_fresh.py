"""What is kept at hand: read again once a second, never hours old."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared import fresh
from shared.fresh import Fresh

Reading = Callable[[object], Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the time that `Fresh` reads; no database is asked."""
    now = [1000.0]

    async def run(_sessions: object, read: Reading) -> object:
        return await read(None)

    monkeypatch.setattr(fresh, "run_unit", run)
    monkeypatch.setattr(fresh.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


class Source:
    """A database whose readings wait until they are let go."""

    def __init__(self) -> None:
        self.reads = 0
        self.gate = asyncio.Event()
        self.fails = False

    async def read(self, _session: object) -> int:
        self.reads += 1
        number = self.reads
        await self.gate.wait()
        if self.fails:
            raise OSError("away")
        return number


@asynccontextmanager
async def source() -> AsyncIterator[tuple[Source, "Fresh[int]"]]:
    made = Source()
    yield made, Fresh(None, made.read)  # type: ignore[arg-type]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_within_a_second_nothing_is_read_again(clock: Callable[[float], None]) -> None:
    async with source() as (made, kept):
        made.gate.set()
        assert await kept.get() == 1
        clock(0.9)
        assert await kept.get() == 1
        clock(0.2)
        assert await kept.get() == 2


async def test_who_asks_while_it_is_read_anew_has_the_last_one_for_a_moment(
    clock: Callable[[float], None],
) -> None:
    async with source() as (made, kept):
        made.gate.set()
        await kept.get()
        made.gate.clear()
        clock(1.5)
        reader = asyncio.create_task(kept.get())
        await turns()

        assert await kept.get() == 1
        made.gate.set()
        assert await reader == 2


async def test_after_idle_hours_nobody_gets_what_was_read_then(clock: Callable[[float], None]) -> None:
    async with source() as (made, kept):
        made.gate.set()
        await kept.get()
        made.gate.clear()
        clock(3600)
        readers = [asyncio.create_task(kept.get()) for _ in range(3)]
        await turns()
        assert not any(one.done() for one in readers)
        made.gate.set()

        assert await asyncio.gather(*readers) == [2, 2, 2]


async def test_a_reading_that_fails_fails_for_all_who_waited_and_the_next_tries_again(
    clock: Callable[[float], None],
) -> None:
    async with source() as (made, kept):
        made.fails = True
        readers = [asyncio.create_task(kept.get()) for _ in range(3)]
        await turns()
        made.gate.set()
        outcomes = await asyncio.gather(*readers, return_exceptions=True)
        assert [type(one) for one in outcomes] == [OSError] * 3
        assert made.reads == 1
        made.fails = False
        assert await kept.get() == 2


async def test_who_goes_away_takes_the_reading_from_nobody(clock: Callable[[float], None]) -> None:
    async with source() as (made, kept):
        first, second = (asyncio.create_task(kept.get()) for _ in range(2))
        await turns()
        first.cancel()
        await turns()
        made.gate.set()

        assert await second == 1
        assert made.reads == 1
