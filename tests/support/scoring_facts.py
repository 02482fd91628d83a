"""Builders of scoring facts with readable ids, and the shipped rule book."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from services.assessment.domain.facts import Basis, ClockKind, Miss, OverdueWorkday
from services.assessment.domain.rulebook import RuleBook, read_rule_book
from tests.support.shipped import raw_rule_book

SHANGHAI = ZoneInfo("Asia/Shanghai")
CLAUSES = {
    ClockKind.ACCEPT: "C-ACCEPT-LATE",
    ClockKind.ARRIVE: "C-ARRIVE-LATE",
    ClockKind.COMPLETE: "C-COMPLETE-LATE",
    ClockKind.ANSWER: "C-NO-REPLY",
}

_NAMESPACE = UUID(int=7)


@cache
def uid(name: str) -> UUID:
    """Return the id that goes by this name in a test."""
    return uuid5(_NAMESPACE, name)


def at(text: str) -> datetime:
    """Return a Shanghai wall time."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)


@cache
def rule_book() -> RuleBook:
    """Return the shipped rule book as assessment reads it."""
    return read_rule_book(raw_rule_book())


def miss(
    case: str,
    kind: ClockKind | str,
    occurred_at: datetime | str,
    *,
    unit: str = "repair",
    urgency: str = "P3",
    deadline: str | None = None,
    **changes: Any,
) -> Miss:
    """Return a missed clock; the deadline is named `<case>-<kind>` unless told otherwise."""
    kind = ClockKind(kind)
    due = at(occurred_at) if isinstance(occurred_at, str) else occurred_at
    name = deadline or f"{case}-{kind}"
    facts: dict[str, Any] = {
        "event_id": uid(f"event {name}"),
        "case_id": uid(case),
        "deadline_id": uid(name),
        "unit": unit,
        "urgency": urgency,
        "kind": kind,
        "basis": Basis.WORKING,
        "budget_minutes": 2400,
        "elapsed_minutes": 2400,
        "registered_at": due - timedelta(days=7),
        "due_at": due,
        "occurred_at": due,
        "stopped_at": None,
        "standard": "T-REPAIR",
        "rule_book_version": 1,
        "calendar_version": 1,
    }
    return Miss(**facts | changes)


def overdue(of: Miss, workday: int, *, unit: str | None = None) -> OverdueWorkday:
    """Return the `workday`-th further workday of a missed completion."""
    return OverdueWorkday(
        event_id=uid(f"event {of.deadline_id} {workday}"),
        case_id=of.case_id,
        deadline_id=of.deadline_id,
        unit=unit or of.unit,
        workday=workday,
        due_at=of.due_at,
        occurred_at=of.due_at + timedelta(days=workday),
    )
