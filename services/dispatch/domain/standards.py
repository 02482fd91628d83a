"""Time standards (时效标准): which clocks a case gets, and when each runs out.

A row of the rule book applies to a case when its unit, category, kind and urgency all match (`*` matches
any). The most specific row comes first: rows naming the urgency before rows naming the category, then the
kind, then the unit. So the row for P1 comes before a category's own, and a category's own P1 row before both.
Each clock is taken from the first row that speaks of it: an absent clock is left to the next row, `null`
means there is none. An answer `at_close` is due with the completion.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from shared.worktime import Clock, NaturalClock, WorkCalendar

__all__ = [
    "ANY",
    "KINDS",
    "URGENCIES",
    "Basis",
    "CaseLimit",
    "Category",
    "ClockKind",
    "ClockLimit",
    "Due",
    "RowClock",
    "Standard",
    "StandardBook",
    "StandardRow",
    "book_in_force",
    "due_times",
]

ANY: Final = "*"
KINDS: Final = ("complaint", "repair", "consult", "suggestion", "praise")
URGENCIES: Final = ("P1", "P2", "P3")

_NATURAL = NaturalClock()


class ClockKind(StrEnum):
    """The four things a unit owes in time, in the order they are owed."""

    ACCEPT = "accept"
    ARRIVE = "arrive"
    COMPLETE = "complete"
    ANSWER = "answer"


class Basis(StrEnum):
    """What a clock counts: every minute, or the unit's working minutes."""

    NATURAL = "natural"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class Category:
    """What a case is about. `unit` is None where the matter can concern any unit."""

    code: str
    name: str
    unit: str | None
    urgency: str
    kind: str


@dataclass(frozen=True, slots=True)
class ClockLimit:
    """A time limit as a row of the book sets it."""

    minutes: int
    basis: Basis


RowClock = ClockLimit | Literal["at_close"] | None
"""What a row says of a clock: a limit, "with the completion" (answers only), or that there is none."""


@dataclass(frozen=True, slots=True)
class StandardRow:
    """One row of the book; `clocks` holds only the clocks it speaks of."""

    code: str
    title: str
    unit: str
    category: str
    kind: str
    urgency: str
    clocks: Mapping[ClockKind, RowClock]

    def applies(self, unit: str, category: str | None, kind: str | None, urgency: str) -> bool:
        """Say whether this row is about such a case."""
        return (
            self.unit in (ANY, unit)
            and self.category in (ANY, category)
            and self.kind in (ANY, kind)
            and self.urgency in (ANY, urgency)
        )

    @property
    def specificity(self) -> tuple[bool, bool, bool, bool]:
        """What this row names, weightiest first: higher comes first."""
        return (self.urgency != ANY, self.category != ANY, self.kind != ANY, self.unit != ANY)


@dataclass(frozen=True, slots=True)
class CaseLimit:
    """A time limit of one case, with the code of the row that set it."""

    minutes: int
    basis: Basis
    row: str
    at_close: bool = False


@dataclass(frozen=True, slots=True)
class Standard:
    """The limits of one case; `code` and `title` are those of the first row that applies."""

    code: str
    title: str
    limits: Mapping[ClockKind, CaseLimit]


class Due(NamedTuple):
    """One clock of a case: what it may take, and the instant (UTC) at which it runs out."""

    kind: ClockKind
    basis: Basis
    budget_minutes: int
    due_at: datetime
    at_close: bool
    standard: str


@dataclass(frozen=True, slots=True)
class StandardBook:
    """The part of one rule-book version that dispatch works by; see `rulebook.read_rule_book`.

    `rows` are in order of precedence, and leave no case without an accept and an answer clock.
    """

    version: int
    in_force_from: datetime
    categories: Mapping[str, Category]
    rows: tuple[StandardRow, ...]
    _found: dict[tuple[str, str | None, str, str | None], Standard] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def standard_for(
        self, unit: str, category: str | None, urgency: str, kind: str | None = None
    ) -> Standard:
        """Return the clocks of a case. Without `kind` the category's own kind counts.

        A category the book does not list matches only rows for any category. Raises ValueError where the
        rows leave a gap, which a book that was read never does.
        """
        listed = self.categories.get(category or "")
        if kind is None and listed is not None:
            kind = listed.kind
        case = (unit, category if listed else None, urgency, kind)
        if case not in self._found:
            self._found[case] = self._standard(*case)
        return self._found[case]

    def _standard(self, unit: str, category: str | None, urgency: str, kind: str | None) -> Standard:
        rows = [row for row in self.rows if row.applies(unit, category, kind, urgency)]
        limits = {clock: limit for clock in ClockKind if (limit := _first_limit(rows, clock)) is not None}
        if missing := {ClockKind.ACCEPT, ClockKind.ANSWER} - limits.keys():
            case = f"{unit}/{category}/{kind}/{urgency}"
            raise ValueError(f"time_standards: no {min(missing)} limit for {case}")
        return Standard(rows[0].code, rows[0].title, limits)


def book_in_force(books: Iterable[StandardBook], at: datetime) -> StandardBook:
    """Return the version in force at `at` (a case keeps the one in force when it was registered).

    Of several, the one in force since latest, then the highest version. Raises LookupError without any.
    """
    begun = [book for book in books if book.in_force_from <= at]
    if not begun:
        raise LookupError(f"no rule book is in force at {at.isoformat()}")
    return max(begun, key=lambda book: (book.in_force_from, book.version))


def due_times(standard: Standard, registered_at: datetime, calendar: WorkCalendar) -> tuple[Due, ...]:
    """Return the clocks of a case registered at `registered_at`, in the order they are owed.

    `calendar` is the unit's. Raises OutsideCalendarError when a clock runs out beyond it.
    """
    return tuple(_due(limit, kind, registered_at, calendar) for kind, limit in standard.limits.items())


def _due(limit: CaseLimit, kind: ClockKind, registered_at: datetime, calendar: WorkCalendar) -> Due:
    clock: Clock = _NATURAL if limit.basis is Basis.NATURAL else calendar
    due_at = clock.add(registered_at, limit.minutes)
    return Due(kind, limit.basis, limit.minutes, due_at, limit.at_close, limit.row)


def _first_limit(rows: Sequence[StandardRow], clock: ClockKind) -> CaseLimit | None:
    """Return what the first row that speaks of `clock` says; rows in order of precedence."""
    row = next((row for row in rows if clock in row.clocks), None)
    said = None if row is None else row.clocks[clock]
    if row is None or said is None:
        return None
    if isinstance(said, ClockLimit):
        return CaseLimit(said.minutes, said.basis, row.code)
    completion = _first_limit(rows, ClockKind.COMPLETE)
    if completion is None:
        raise ValueError(f"time_standards: {row.code} answers at close where there is no completion limit")
    return replace(completion, row=row.code, at_close=True)
