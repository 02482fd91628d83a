"""Prepared history: rows of an import, and the events that assessment sees of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.contracts.dispatch import (
    Assigned,
    AssignmentAnswered,
    Clock,
    ClockBasis,
    ClockKind,
    DeadlineMissed,
)
from shared.contracts.envelope import Event, Origin, headers_of
from shared.contracts.intake import Channel, ComplaintRegistered, Urgency
from shared.ids import uuid7
from tests.bench.payloads import text_of

__all__ = ["Record", "answer_rows", "complaint_rows", "records_of"]

FIRST = datetime(2019, 1, 2, 1, 0, tzinfo=UTC)
SPREAD = timedelta(days=360)
BUDGET = 5 * 480  # minutes

Record = tuple[str, bytes, bytes, list[tuple[str, bytes]]]
"""Topic, key, value and headers."""


def _registered_at(number: int, count: int) -> datetime:
    return FIRST + SPREAD * number / count


def complaint_rows(run: str, first: int, last: int, count: int) -> list[dict[str, Any]]:
    """Rows `first` to `last` of an import of `count` complaints."""
    return [
        {
            "source": f"bench-{run}",
            "external_id": str(number),
            "registered_at": _registered_at(number, count).isoformat(),
            "text": text_of(number),
            "subject": text_of(number)[:20],
        }
        for number in range(first, last)
    ]


def answer_rows(run: str, first: int, last: int, count: int) -> list[dict[str, Any]]:
    """The recorded answers of the same rows, some days later, many of them too late."""
    return [
        {
            "source": f"bench-{run}",
            "external_id": str(number),
            "text": "您反映的问题已经处理，感谢您的监督。",
            "answered_at": (_registered_at(number, count) + timedelta(days=1 + number % 20)).isoformat(),
        }
        for number in range(first, last)
    ]


def records_of(number: int, count: int, units: Sequence[str]) -> Iterator[Record]:
    """The records of one history case: registered, assigned, in one of three too late, answered."""
    case, unit = uuid7(), units[number % len(units)]
    at = _registered_at(number, count)
    registered = ComplaintRegistered(
        complaint_id=case, number=f"B-{number}", channel=Channel.IMPORT, registered_at=at
    )
    yield _record(registered, 1, at)
    for seq, (event, occurred_at) in enumerate(_events(case, unit, at, late=number % 3 == 0), start=1):
        yield _record(event, seq, occurred_at)


def _events(case: UUID, unit: str, at: datetime, *, late: bool) -> Iterator[tuple[Event, datetime]]:
    due_at, answered_at = at + timedelta(days=7), at + timedelta(days=10 if late else 3)
    shared: dict[str, Any] = {"complaint_id": case, "unit": unit, "registered_at": at}
    book: dict[str, Any] = {"standard": "ordinary", "rule_book_version": 1, "calendar_version": 1}
    clock: dict[str, Any] = {
        "deadline_id": uuid7(),
        "kind": ClockKind.ANSWER,
        "basis": ClockBasis.WORKING,
        "budget_minutes": BUDGET,
        "due_at": due_at,
    }
    yield (
        Assigned(
            **(shared | book),
            assigned_at=at,
            category=None,
            urgency=Urgency.P3,
            reason="测量",
            fallback=False,
            clocks=(Clock(**clock),),
        ),
        at,
    )
    if late:
        missed = DeadlineMissed(
            **(shared | book | clock),
            elapsed_minutes=BUDGET + 3 * 480,
            workdays_late=3,
            stopped_at=answered_at,
            urgency=Urgency.P3,
        )
        yield missed, due_at
    yield (
        AssignmentAnswered(complaint_id=case, unit=unit, at=answered_at, answer_id=uuid7()),
        answered_at,
    )


def _record(event: Event, seq: int, occurred_at: datetime) -> Record:
    headers = headers_of(
        event,
        event_id=uuid7(),
        source="bench",
        occurred_at=occurred_at,
        seq=seq,
        origin=Origin.HISTORY,
        causation=None,
    )
    encoded = [(name, value.encode()) for name, value in headers.items()]
    return event.topic, event.key.encode(), event.to_json(), encoded
