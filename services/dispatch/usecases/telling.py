"""Events about a case, made from plain values."""

from datetime import datetime
from uuid import UUID

from services.dispatch.domain.cases import Case, Deadline, deadline_id
from services.dispatch.domain.standards import ClockKind
from shared.contracts import dispatch as contract
from shared.contracts.intake import Urgency

__all__ = ["assigned", "missed", "overdue_workday", "stop_reading"]


def assigned(case: Case, deadlines: tuple[Deadline, ...]) -> contract.Assigned:
    """The case was assigned, and these clocks run."""
    return contract.Assigned(
        complaint_id=case.complaint_id,
        unit=case.unit,
        assigned_at=case.assigned_at,
        registered_at=case.registered_at,
        category=case.category,
        urgency=Urgency(case.urgency),
        reason=case.reason,
        fallback=case.fallback,
        standard=case.standard,
        rule_book_version=case.rule_book_version,
        calendar_version=case.calendar_version,
        clocks=tuple(_clock(deadline) for deadline in deadlines),
    )


def missed(
    case: Case,
    deadline: Deadline,
    *,
    elapsed_minutes: int | None = None,
    workdays_late: int = 0,
    stopped_at: datetime | None = None,
) -> contract.DeadlineMissed:
    """A clock ran out; how late the action came is said only where it is known, else the clock still runs."""
    return contract.DeadlineMissed(
        complaint_id=case.complaint_id,
        unit=case.unit,
        deadline_id=deadline.deadline_id,
        kind=contract.ClockKind(deadline.kind),
        basis=contract.ClockBasis(deadline.basis),
        budget_minutes=deadline.budget_minutes,
        elapsed_minutes=deadline.budget_minutes if elapsed_minutes is None else elapsed_minutes,
        workdays_late=workdays_late,
        registered_at=case.registered_at,
        due_at=deadline.due_at,
        stopped_at=stopped_at,
        urgency=Urgency(case.urgency),
        standard=deadline.standard,
        rule_book_version=deadline.rule_book_version,
        calendar_version=deadline.calendar_version,
    )


def overdue_workday(case: Case, workday: Deadline, due_at: datetime) -> contract.OverdueWorkday:
    """One further workday has passed since the completion was due at `due_at`."""
    return contract.OverdueWorkday(
        complaint_id=case.complaint_id,
        unit=case.unit,
        deadline_id=deadline_id(case.complaint_id, ClockKind.COMPLETE, 0),
        workday=workday.level,
        due_at=due_at,
        ended_at=workday.due_at,
        urgency=Urgency(case.urgency),
        standard=workday.standard,
        rule_book_version=workday.rule_book_version,
        calendar_version=workday.calendar_version,
    )


def stop_reading(deadline: Deadline, elapsed_minutes: int) -> contract.StopReading:
    """What a clock read when it was stopped."""
    return contract.StopReading(
        deadline_id=deadline.deadline_id,
        kind=contract.ClockKind(deadline.kind),
        basis=contract.ClockBasis(deadline.basis),
        elapsed_minutes=elapsed_minutes,
        budget_minutes=deadline.budget_minutes,
        due_at=deadline.due_at,
    )


def answer(
    case: Case,
    answer_id: UUID,
    text: str,
    at: datetime,
    *,
    by: str | None,
    stopped: tuple[contract.StopReading, ...],
) -> tuple[contract.AnswerContent, contract.AssignmentAnswered]:
    """The complainant got an answer: its text, and the fact."""
    content = contract.AnswerContent(
        complaint_id=case.complaint_id, answer_id=answer_id, text=text, answered_at=at
    )
    fact = contract.AssignmentAnswered(
        complaint_id=case.complaint_id, unit=case.unit, at=at, by=by, stopped=stopped, answer_id=answer_id
    )
    return content, fact


def _clock(deadline: Deadline) -> dict[str, object]:
    """A `contract.Clock`, to be validated with the event it belongs to: that is half the work."""
    return {
        "deadline_id": deadline.deadline_id,
        "kind": deadline.kind,
        "basis": deadline.basis,
        "budget_minutes": deadline.budget_minutes,
        "due_at": deadline.due_at,
        "at_close": deadline.at_close,
    }
