"""How much work a round sends: enough to reach a steady rate, few enough for the whole run's time."""

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Sizes"]


@dataclass(frozen=True)
class Sizes:
    """Counts per round, and how many rounds."""

    rounds: int
    floor: int
    insert: int
    accept: int
    bare: int
    tutorial: int
    backlog: int
    chain: int
    latency_seconds: int
    cases_scored: int
    rows_imported: int


FULL = Sizes(
    rounds=3,
    floor=40_000,
    insert=40_000,
    accept=15_000,
    bare=40_000,
    tutorial=1_500,
    backlog=20_000,
    chain=15_000,
    latency_seconds=8,
    cases_scored=8_000,
    rows_imported=6_000,
)
QUICK = Sizes(
    rounds=1,
    floor=20_000,
    insert=20_000,
    accept=5_000,
    bare=15_000,
    tutorial=500,
    backlog=5_000,
    chain=5_000,
    latency_seconds=4,
    cases_scored=2_000,
    rows_imported=1_000,
)
