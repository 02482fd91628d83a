"""Following what dispatch says: event handlers that take a batch, fold each complaint and save set-wise."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.domain.progress import Progress, State
from services.intake.store.following import add_answers, find_answers, find_progress, save_progress
from services.intake.tables import AnswerRow
from shared.contracts.dispatch import (
    AnswerContent,
    Assigned,
    AssignmentAccepted,
    AssignmentAnswered,
    AssignmentArrived,
    AssignmentCompleted,
    ClockKind,
    DeadlineMissed,
)
from shared.contracts.envelope import Event, Received

__all__ = ["FOLLOWED", "apply_answers", "apply_assignment_events"]

FOLLOWED: frozenset[type[Event]] = frozenset(
    {
        Assigned,
        AssignmentAccepted,
        AssignmentArrived,
        AssignmentCompleted,
        AssignmentAnswered,
        DeadlineMissed,
    }
)

_STOPPED_BY = {
    ClockKind.ACCEPT: State.ACCEPTED,
    ClockKind.ARRIVE: State.ARRIVED,
    ClockKind.COMPLETE: State.COMPLETED,
    ClockKind.ANSWER: State.ANSWERED,
}


async def apply_answers(session: AsyncSession, received: Sequence[Received[AnswerContent]]) -> None:
    """Keep the answers' texts; they are shown once the event that needs them is here."""
    answers = [
        AnswerRow(
            complaint_id=one.data.complaint_id,
            answer_id=one.data.answer_id,
            text=one.data.text,
            answered_at=one.data.answered_at,
        )
        for one in received
        if one.data is not None
    ]
    await add_answers(session, answers)


async def apply_assignment_events(
    session: AsyncSession, received: Sequence[Received[Any]]
) -> Collection[str]:
    """Fold the events of each complaint, in their order, into its progress.

    Returns the keys whose complaint, or whose answer's text, is not here yet: their events wait.
    """
    complaints = {one.data.complaint_id for one in received if one.data is not None}
    progress = await find_progress(session, complaints)
    unmet = (complaints - progress.keys()) | await _find_untold(session, received)
    for event in (one.data for one in received if one.data is not None):
        if event.complaint_id not in unmet:
            progress[event.complaint_id] = _fold(progress[event.complaint_id], event)
    await save_progress(session, {key: one for key, one in progress.items() if key not in unmet})
    return {str(complaint_id) for complaint_id in unmet}


async def _find_untold(session: AsyncSession, received: Sequence[Received[Any]]) -> set[UUID]:
    """The complaints that are said to be answered and whose answer's text is not here yet."""
    answered = [one.data for one in received if isinstance(one.data, AssignmentAnswered)]
    answers = await find_answers(session, [one.complaint_id for one in answered]) if answered else {}
    return {one.complaint_id for one in answered if not _is_told(one, answers.get(one.complaint_id))}


def _is_told(event: AssignmentAnswered, answer: AnswerRow | None) -> bool:
    """Whether the text is here, or a newer one that took its place."""
    return answer is not None and (answer.answer_id == event.answer_id or answer.answered_at > event.at)


def _fold(progress: Progress, event: Event) -> Progress:
    match event:
        case Assigned():
            due = {_STOPPED_BY[clock.kind]: clock.due_at for clock in event.clocks}
            return progress.assigned(event.unit, event.assigned_at, due)
        case AssignmentAccepted():
            return progress.taken(State.ACCEPTED, event.at)
        case AssignmentArrived():
            return progress.taken(State.ARRIVED, event.at)
        case AssignmentCompleted():
            return progress.taken(State.COMPLETED, event.at)
        case AssignmentAnswered():
            return progress.taken(State.ANSWERED, event.at)
        case DeadlineMissed():
            return progress.missed(_STOPPED_BY[event.kind], event.due_at)
        case _:
            raise TypeError(f"not followed: {type(event).__name__}")
