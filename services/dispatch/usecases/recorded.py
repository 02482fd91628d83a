"""Answers recorded elsewhere, applied in event time: the case was answered when the record says."""

from datetime import datetime
from uuid import UUID

from services.dispatch.domain.assignment import State
from services.dispatch.domain.lateness import elapsed_minutes
from services.dispatch.domain.standards import ClockKind
from services.dispatch.usecases import telling
from services.dispatch.usecases.changes import Changes
from services.dispatch.usecases.reference import Reference
from shared.ids import uuid7

__all__ = ["apply_recorded_answer"]


def apply_recorded_answer(
    changes: Changes,
    complaint_id: UUID,
    text: str,
    answered_at: datetime,
    *,
    reference: Reference,
    now: datetime,
    by: str | None = None,
    causation: UUID | None = None,
) -> None:
    """Answer a case of imported history and judge its answer clock, the only one its source records.

    A late answer's miss comes first, at its due time. `now` is the database's.
    """
    case = changes.case(complaint_id)
    calendar = reference.calendar_at(case.calendar_version, answered_at)
    deadline = next(one for one in changes.deadlines(complaint_id) if one.kind is ClockKind.ANSWER)
    elapsed = elapsed_minutes(deadline.basis, case.registered_at, answered_at, calendar)
    late = answered_at > deadline.due_at
    if late:
        event = telling.missed(
            case,
            deadline,
            elapsed_minutes=elapsed,
            workdays_late=calendar.workdays_late(deadline.due_at, answered_at),
            stopped_at=answered_at,
        )
        changes.tell(complaint_id, event, deadline.due_at, causation)
    changes.put_deadline(deadline._replace(met_at=answered_at, fired_at=now if late else None))
    reading = telling.stop_reading(deadline, elapsed)
    content, fact = telling.answer(case, uuid7(), text, answered_at, by=by, stopped=(reading,))
    changes.tell(complaint_id, content, answered_at, causation)
    changes.keep_answer(content, by)
    changes.tell(complaint_id, fact, answered_at, causation)
    answered = changes.case(complaint_id)
    changes.put(answered._replace(state=State.ANSWERED, open=False, answered_at=answered_at))
