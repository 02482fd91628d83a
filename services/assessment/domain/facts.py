"""What is scored: cases and the clocks they missed, as dispatch reported them.

Assessment takes due times, budgets and elapsed minutes as given: it never walks a calendar.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

__all__ = ["Basis", "Case", "ClockKind", "Miss", "OverdueWorkday"]


class ClockKind(StrEnum):
    """The four things a unit owes in time."""

    ACCEPT = "accept"
    ARRIVE = "arrive"
    COMPLETE = "complete"
    ANSWER = "answer"


class Basis(StrEnum):
    """What a clock counts: every minute, or the unit's working minutes."""

    NATURAL = "natural"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class Case:
    """A complaint as far as scoring must know it.

    `fallback_unit` is the unit (生产管理室) the case fell back to for lack of a rule, else None. It counts
    for that unit only once `taken`: accepted or otherwise acted on by it, or its accept clock run out.
    """

    case_id: UUID
    fallback_unit: str | None = None
    taken: bool = False

    def taken_by(self, unit: str) -> "Case":
        """Return the case after `unit` acted on it or let its accept clock run out."""
        return replace(self, taken=True) if unit == self.fallback_unit else self

    def counts_for(self, unit: str) -> bool:
        """Say whether what `unit` missed in this case is charged."""
        return self.taken or unit != self.fallback_unit


@dataclass(frozen=True, slots=True)
class Miss:
    """A clock of a case that ran out: once per deadline, at `occurred_at`, charged to `unit`.

    Minutes are minutes of `basis`. `stopped_at` and `elapsed_minutes` tell when the late action came, where
    that was known when the miss was reported; otherwise `stopped_at` is None and the clock was still running.
    """

    event_id: UUID
    case_id: UUID
    deadline_id: UUID
    unit: str
    urgency: str
    kind: ClockKind
    basis: Basis
    budget_minutes: int
    elapsed_minutes: int
    registered_at: datetime
    due_at: datetime
    occurred_at: datetime
    stopped_at: datetime | None
    standard: str
    rule_book_version: int
    calendar_version: int


@dataclass(frozen=True, slots=True)
class OverdueWorkday:
    """A case stayed uncompleted through its `workday`-th (from 1) workday after the deadline."""

    event_id: UUID
    case_id: UUID
    deadline_id: UUID
    unit: str
    workday: int
    due_at: datetime
    occurred_at: datetime
