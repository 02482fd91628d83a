"""What the four services hold, as plain rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

__all__ = [
    "Answer",
    "Assessment",
    "Case",
    "Complaint",
    "Deadline",
    "Dispatch",
    "Entry",
    "EntryKey",
    "IdempotencyKey",
    "Intake",
    "Miss",
    "OverdueWorkday",
    "Pool",
    "RecordedAnswer",
    "ScoredCase",
]


class Complaint(NamedTuple):
    """A complaint in intake."""

    id: str
    number: str
    channel: str
    origin: str
    source: str | None
    external_id: str | None


class IdempotencyKey(NamedTuple):
    """A key a registration named, and what was answered to it."""

    key: str
    complaint_id: str
    reply_complaint_id: str | None
    reply_number: str | None


class Answer(NamedTuple):
    """An answer as one service holds it; `version` 0 where it keeps none."""

    complaint_id: str
    answer_id: str
    version: int
    blank: bool


@dataclass(frozen=True, slots=True)
class Intake:
    """What intake holds."""

    complaints: Sequence[Complaint] = ()
    keys: Sequence[IdempotencyKey] = ()
    answers: Sequence[Answer] = ()


class Case(NamedTuple):
    """A case in dispatch."""

    complaint_id: str
    number: str
    origin: str
    unit: str
    answered: bool


class Deadline(NamedTuple):
    """A deadline in dispatch.

    `overdue` are seconds since it ran out, negative before; `late`: what it waited for came after it.
    """

    deadline_id: str
    complaint_id: str
    kind: str
    level: int
    fired: bool
    met: bool
    late: bool
    overdue: float


class RecordedAnswer(NamedTuple):
    """An answer recorded in another system; `age` in seconds, None where only its complaint came."""

    source: str
    external_id: str
    complaint_id: str | None
    state: str
    age: float | None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What dispatch holds. `deadlines` are those that fired or were met late, and of answers still owed."""

    cases: Sequence[Case] = ()
    deadlines: Sequence[Deadline] = ()
    answers: Sequence[Answer] = ()
    recorded: Sequence[RecordedAnswer] = ()
    units: frozenset[str] = frozenset()


class Miss(NamedTuple):
    """A missed clock as assessment holds it."""

    event_id: str
    case_id: str
    deadline_id: str
    unit: str
    urgency: str
    kind: str
    occurred_at: datetime
    rule_book_version: int


class OverdueWorkday(NamedTuple):
    """A further workday of a late completion as assessment holds it."""

    event_id: str
    case_id: str
    deadline_id: str
    unit: str
    workday: int
    occurred_at: datetime


EntryKey = tuple[str | None, str, str]
"""What an entry is for: case (None: a whole month), clause and occurrence, such as `<unit>:<month>`."""


class Entry(NamedTuple):
    """One entry of the ledger; negative fen are a deduction. No case: it concerns a unit's month as a whole.

    `month` is the statement it is booked in; `frozen_month` the one it belongs to, where that was frozen.
    """

    entry_id: str
    case_id: str | None
    clause: str
    occurrence: str
    unit: str
    month: str
    amount_fen: int
    rule_book_version: int
    evidence: tuple[str, ...]
    reverses: str | None
    frozen_month: str | None
    posted_at: datetime

    @property
    def own_month(self) -> str:
        """The month it belongs to, wherever it is booked."""
        return self.month if self.frozen_month is None else self.frozen_month


class Pool(NamedTuple):
    """A unit's performance pool from a month on, as it was entered; no amount: no cap from then on."""

    unit: str
    from_month: str
    entered_at: datetime
    amount_fen: int | None


class ScoredCase(NamedTuple):
    """A case in assessment; `fallback_unit` is the unit it fell back to, and `taken` whether it took it."""

    complaint_id: str
    fallback_unit: str | None
    taken: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    """What assessment holds.

    `shown` are the events it can show as evidence, `books` the rule books' bodies by version, `frozen` the
    months that were frozen and when.
    """

    cases: Sequence[ScoredCase] = ()
    misses: Sequence[Miss] = ()
    overdue: Sequence[OverdueWorkday] = ()
    entries: Sequence[Entry] = ()
    shown: frozenset[str] = frozenset()
    books: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    frozen: Mapping[str, datetime] = field(default_factory=dict)
    pools: Sequence[Pool] = ()
