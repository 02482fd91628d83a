"""Following cases: event handlers that take a batch, fold each case and save set-wise."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.store import cases as store
from services.assessment.store import facts
from services.assessment.store.cases import CaseChange
from services.assessment.usecases.books import Books
from services.assessment.usecases.score import score
from shared.clock import Clock
from shared.contracts.dispatch import (
    Assigned,
    AssignmentAccepted,
    AssignmentAnswered,
    AssignmentArrived,
    AssignmentCompleted,
    ClockKind,
    DeadlineMissed,
    OverdueWorkday,
)
from shared.contracts.envelope import Event, Received
from shared.contracts.intake import ComplaintRegistered

__all__ = ["FOLLOWED", "add_cases", "apply_assignment_events", "find_unmet"]

FOLLOWED: frozenset[type[Event]] = frozenset(
    {
        Assigned,
        AssignmentAccepted,
        AssignmentArrived,
        AssignmentCompleted,
        AssignmentAnswered,
        DeadlineMissed,
        OverdueWorkday,
    }
)


async def add_cases(session: AsyncSession, events: Sequence[Received[ComplaintRegistered]]) -> None:
    """Open a case for each registered complaint."""
    await store.add_cases(
        session,
        [
            {
                "complaint_id": one.data.complaint_id,
                "number": one.data.number,
                "origin": one.origin.value,
                "registered_at": one.data.registered_at,
            }
            for one in events
            if one.data is not None
        ],
    )


async def find_unmet(session: AsyncSession, events: Sequence[Received[Any]]) -> Collection[str]:
    """Keys whose complaint is not registered here yet."""
    named = {one.data.complaint_id for one in events if one.data is not None}
    return {str(missing) for missing in named - await store.find_known(session, named)}


async def apply_assignment_events(
    session: AsyncSession, events: Sequence[Received[Any]], *, books: Books, clock: Clock
) -> None:
    """Keep what was reported of each case and score the cases that it touches.

    The cases of a unit are scored one batch after another, also by several replicas.
    """
    reported = [(one, one.data) for one in events if one.data is not None]
    await facts.lock_units(session, {data.unit for _, data in reported})
    changes: dict[UUID, CaseChange] = {}
    for _, data in reported:
        change = changes.setdefault(data.complaint_id, CaseChange(data.complaint_id))
        _note(change, data)
    taken = await store.save_changes(session, list(changes.values()))
    missed = [(one, data) for one, data in reported if isinstance(data, DeadlineMissed)]
    overdue = [(one, data) for one, data in reported if isinstance(data, OverdueWorkday)]
    await facts.add_misses(session, missed)
    await facts.add_overdue_workdays(session, overdue)
    await facts.add_evidence(session, [*missed, *overdue])
    touched = taken | {data.complaint_id for _, data in (*missed, *overdue)}
    if touched:
        await score(session, touched, books=books, clock=clock)


def _note(change: CaseChange, event: Event) -> None:
    """Note in `change` what one event says of the case."""
    match event:
        case Assigned():
            change.unit = event.unit
            change.category, change.urgency = event.category, event.urgency.value
            change.fallback_unit = event.unit if event.fallback else None
            change.times["assigned_at"] = event.assigned_at
        case AssignmentAccepted():
            change.take(event.unit, "accepted_at", event.at)
        case AssignmentArrived():
            change.take(event.unit, "arrived_at", event.at)
        case AssignmentCompleted():
            change.take(event.unit, "completed_at", event.at)
        case AssignmentAnswered():
            change.take(event.unit, "answered_at", event.at)
        case DeadlineMissed() if event.kind is ClockKind.ACCEPT:
            change.takers.add(event.unit)
        case _:
            return
