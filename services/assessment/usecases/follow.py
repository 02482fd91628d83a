"""Following cases: event handlers that take a batch, fold each case and save set-wise."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.store import cases as store
from services.assessment.store import facts
from services.assessment.store.cases import CaseChange
from services.assessment.usecases.books import Books
from services.assessment.usecases.score import find_scope, score
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

__all__ = ["FOLLOWED", "add_cases", "apply_assignment_events"]

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


async def apply_assignment_events(
    session: AsyncSession, events: Sequence[Received[Any]], *, books: Books, clock: Clock
) -> Collection[str]:
    """Keep what was reported of each case and score the cases that it touches.

    Returns the keys of complaints that are not registered here yet: their events wait.

    Locks go one way, so that batches never wait in a ring: inbox rows, then units, then cases, each in order.
    A unit's misses come in one batch after another, so each batch sees all that came before; a case is locked
    before its facts are read, so whoever scores it last has seen them all.
    """
    named = {one.data.complaint_id for one in events if one.data is not None}
    known = await store.find_known(session, named)
    reported = [(one, one.data) for one in events if one.data is not None and one.data.complaint_id in known]
    missed = [(one, data) for one, data in reported if isinstance(data, DeadlineMissed)]
    overdue = [(one, data) for one, data in reported if isinstance(data, OverdueWorkday)]
    changes = _changes(data for _, data in reported)
    taken = await _newly_taken(session, changes)
    touched = {data.complaint_id for _, data in (*missed, *overdue)} | taken.keys()
    await facts.lock_units(session, {data.unit for _, data in (*missed, *overdue)} | set(taken.values()))
    await facts.add_misses(session, missed)
    await facts.add_overdue_workdays(session, overdue)
    await facts.add_evidence(session, [*missed, *overdue])
    scope = await find_scope(session, touched)
    await store.lock_cases(session, changes.keys() | scope)
    await store.save_changes(session, list(changes.values()))
    if scope:
        await score(session, scope, books=books, clock=clock)
    return {str(complaint_id) for complaint_id in named - known}


def _changes(reported: Iterable[Any]) -> dict[UUID, CaseChange]:
    """What a batch says, case by case, its events in order."""
    changes: dict[UUID, CaseChange] = {}
    for data in reported:
        _note(changes.setdefault(data.complaint_id, CaseChange(data.complaint_id)), data)
    return changes


async def _newly_taken(session: AsyncSession, changes: Mapping[UUID, CaseChange]) -> dict[UUID, str]:
    """The cases whose fallback unit takes them in this batch, with that unit: what it missed counts now."""
    before = await store.list_cases(session, [one.complaint_id for one in changes.values() if one.takers])
    return {
        case.case_id: unit
        for case in before.values()
        if not case.taken
        and (unit := changes[case.case_id].fallback_unit or case.fallback_unit)
        and unit in changes[case.case_id].takers
    }


def _note(change: CaseChange, event: Event) -> None:
    """Note in `change` what one event says of the case."""
    match event:
        case Assigned():
            change.unit = event.unit
            change.category, change.urgency = event.category, event.urgency.value
            change.fallback_unit = event.unit if event.fallback else change.fallback_unit
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
