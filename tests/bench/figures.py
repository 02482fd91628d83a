"""A measured figure beside its limit, and rounds in which the two take turns."""

import statistics
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "median_of", "spread", "take_turns"]

PARTS = {"p50": 0.5, "p99": 0.99, "max": 1.0}

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours to the limit; `goal` bounds it from below, or where `lower_is_better` from above."""

    name: str
    title: str
    unit: str
    ours: float
    limit: float
    limit_title: str
    goal: float | None = None
    lower_is_better: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Ours to the limit."""
        return self.ours / self.limit

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached, None where there is none."""
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.lower_is_better else self.ratio >= self.goal

    def as_json(self) -> dict[str, Any]:
        """The figure for a program."""
        return {
            "ours": round(self.ours, 3),
            "limit": round(self.limit, 3),
            "ratio": round(self.ratio, 4),
            "unit": self.unit,
            "goal": self.goal,
            "reached": self.reached,
            **self.more,
        }


async def take_turns(rounds: int, **measures: Measure) -> dict[str, list[float]]:
    """What each measure found, round by round; they take turns, in an order that turns too."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    names = list(measures)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(await measures[name]())
    return found


def median_of(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Median, 99th percentile and most of some times, in milliseconds, and how many they are."""
    ordered = sorted(seconds)
    places = {name: min(len(ordered) - 1, int(len(ordered) * part)) for name, part in PARTS.items()}
    return {name: round(ordered[place] * 1000, 3) for name, place in places.items()} | {"count": len(ordered)}
