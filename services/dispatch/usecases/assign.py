"""Registered complaints become cases: routed, with their clocks computed once, and told as assigned."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.answers import Imported, misfit
from services.dispatch.domain.cases import Case, deadlines_of
from services.dispatch.domain.routing import Words, route
from services.dispatch.domain.standards import due_times
from services.dispatch.store import answers as answer_store
from services.dispatch.store import cases as store
from services.dispatch.store.answers import ImportedAnswer
from services.dispatch.usecases import telling
from services.dispatch.usecases.changes import Changes
from services.dispatch.usecases.recorded import apply_recorded_answer
from services.dispatch.usecases.reference import Knowledge, Reference
from shared.clock import Clock
from shared.contracts.envelope import Origin, Received
from shared.contracts.intake import ComplaintContent, ComplaintRegistered
from shared.wire import Poison
from shared.worktime import OutsideCalendarError

__all__ = ["assign", "keep_contents"]


async def keep_contents(session: AsyncSession, events: Sequence[Received[ComplaintContent]]) -> None:
    """Keep what complaints say, the newest version of each."""
    contents = [(one.seq, one.data) for one in events if one.data is not None]
    await store.save_contents(session, [data.model_dump() | {"version": seq} for seq, data in contents])


async def assign(
    session: AsyncSession,
    events: Sequence[Received[ComplaintRegistered]],
    *,
    knowledge: Knowledge,
    clock: Clock,
) -> Collection[str]:
    """Assign registered complaints, all in a fixed number of statements.

    Returns the keys of those whose content is not here yet: they wait. A complaint of another system whose
    recorded answer waited for it is answered at once. Poison for one registered before any rule book, or
    whose clocks run out beyond the calendar.
    """
    reference = await knowledge.get(session)
    named = [one.data.complaint_id for one in events if one.data is not None]
    words = await store.list_words(session, named)
    registered = [
        (one, one.data) for one in events if one.data is not None and one.data.complaint_id in words
    ]
    waiting = await answer_store.meet(
        session,
        {
            (data.source, data.external_id): data.complaint_id
            for _, data in registered
            if data.source and data.external_id
        },
    )
    taken_at = clock.now()
    now = await store.get_now(session) if waiting else taken_at
    changes = Changes()
    settled = []
    for received, data in registered:
        _add_case(changes, received, data, words[data.complaint_id], reference, taken_at)
        answer = waiting.get((data.source or "", data.external_id or ""))
        if answer is not None and answer.state is Imported.WAITING and answer.text is not None:
            settled.append(_settle(changes, data.complaint_id, answer, received.id, reference, now))
    await answer_store.save_imported(session, settled)
    await changes.save(session)
    return {str(complaint_id) for complaint_id in named if complaint_id not in words}


def _add_case(
    changes: Changes,
    received: Received[ComplaintRegistered],
    data: ComplaintRegistered,
    words: Words,
    reference: Reference,
    now: datetime,
) -> None:
    """Route a complaint, compute its clocks, tell that it is assigned."""
    live = received.origin is Origin.LIVE
    try:
        book = reference.book_at(data.registered_at)
        chosen = route(
            words,
            data.category,
            data.urgency,
            reference.routing,
            book.categories,
            reference.units,
            reference.office,
        )
        standard = book.standard_for(chosen.unit, chosen.category, chosen.urgency)
        dues = due_times(standard, data.registered_at, reference.calendar)
    except LookupError as error:
        raise Poison("standard", str(error)) from error
    except OutsideCalendarError as error:
        raise Poison("calendar", str(error)) from error
    case = Case(
        complaint_id=data.complaint_id,
        number=data.number,
        channel=data.channel.value,
        source=data.source,
        external_id=data.external_id,
        origin=received.origin.value,
        unit=chosen.unit,
        category=chosen.category,
        urgency=chosen.urgency,
        reason=chosen.reason,
        fallback=chosen.fallback,
        matched=chosen.matched,
        standard=standard.code,
        rule_book_version=book.version,
        calendar_version=reference.calendar.version,
        registered_at=data.registered_at,
        assigned_at=max(now, data.registered_at) if live else data.registered_at,
    )
    deadlines = deadlines_of(case, dues)
    changes.add(case, deadlines)
    changes.tell(case.complaint_id, telling.assigned(case, deadlines), case.assigned_at, received.id)


def _settle(
    changes: Changes,
    complaint_id: UUID,
    answer: ImportedAnswer,
    causation: UUID,
    reference: Reference,
    now: datetime,
) -> ImportedAnswer:
    """Apply the answer that waited for its complaint, or refuse it, visibly, where it does not fit."""
    if answer.text is None or answer.answered_at is None:
        return answer
    reason = misfit(changes.case(complaint_id), answer.answered_at)
    if reason is not None:
        return replace(answer, state=Imported.REFUSED, reason=reason)
    apply_recorded_answer(
        changes,
        complaint_id,
        answer.text,
        answer.answered_at,
        reference=reference,
        now=now,
        causation=causation,
    )
    return replace(answer, state=Imported.APPLIED, reason=None)
