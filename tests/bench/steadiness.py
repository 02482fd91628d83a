"""How steady the machine itself is: a fixed bit of work, again and again, in a process of its own.

A machine that is shared with strangers falters: for a tenth of a second all its processors do a fraction of
their work, and nothing in it says so. The *processor* time of the same bit of work tells, whatever else waits
for the processors meanwhile. It does not make a latency better; it tells how much of it is ours.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from tests.support.root import ROOT

__all__ = ["Steadiness", "watched"]

PAUSE = 0.008  # seconds between two bits of work, which are some 0.2 ms each
ADDITIONS = 4000
WINDOW = 0.1  # seconds
FALTERS = 1.8  # times what the work costs mostly

T = TypeVar("T")
Sample = tuple[float, float]
"""An instant of the monotonic clock, and the seconds of processor time the work took then."""


class Steadiness:
    """What was seen of the machine: tenths of a second in which work cost 1.8 times the usual, or more."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        usual = statistics.median(cost for _, cost in samples)
        windows: dict[int, list[float]] = {}
        for instant, cost in samples:
            windows.setdefault(int(instant / WINDOW), []).append(cost)
        self._faltering = {
            number for number, costs in windows.items() if statistics.fmean(costs) >= FALTERS * usual
        }
        self.share = 1 - len(self._faltering) / len(windows)
        """The share of tenths of a second in which it did not falter."""

    def is_steady(self, instant: float) -> bool:
        """Whether it faltered neither at this instant, nor a tenth of a second before, nor two after."""
        number = int(instant / WINDOW)
        return self._faltering.isdisjoint(range(number - 1, number + 3))


async def watched(work: Awaitable[T]) -> tuple[T, Steadiness]:
    """What comes of `work`, and how steady the machine was meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.steadiness"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        result = await work
    finally:
        told, _ = await process.communicate(b"")  # its input ends: the sign for it to end
    return result, Steadiness(json.loads(told))


async def _work(samples: list[Sample]) -> None:
    while True:
        began = time.thread_time()
        for _ in range(ADDITIONS):
            pass
        samples.append((time.monotonic(), time.thread_time() - began))
        await asyncio.sleep(PAUSE)


async def _main() -> None:
    samples: list[Sample] = []
    work = asyncio.create_task(_work(samples))
    await asyncio.to_thread(sys.stdin.read)
    work.cancel()
    json.dump(samples, sys.stdout)


if __name__ == "__main__":
    asyncio.run(_main())
