"""Clocks that ran out: each miss is told once, at its due time, in due order, also after an outage."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.cases import Deadline
from services.dispatch.domain.lateness import further_workdays
from services.dispatch.domain.standards import ClockKind
from services.dispatch.store import cases as store
from services.dispatch.usecases import telling
from services.dispatch.usecases.changes import Changes
from services.dispatch.usecases.reference import Knowledge, Reference
from shared.crashpoints import crash_point
from shared.leader import LeadershipLostError, fence

__all__ = ["LEADER", "fire", "fire_overdue"]

LEADER = "scheduler"

_LOOK_AHEAD = timedelta(days=30)
"""Longer than any further workday takes to be over, holidays included."""


async def fire_overdue(session: AsyncSession, knowledge: Knowledge, *, epoch: int, limit: int) -> int:
    """Fire up to `limit` deadlines that are due, longest due first; return how many cases were concerned.

    LeadershipLostError, with nothing written, if a newer scheduler leads by now.
    """
    if not await session.scalar(sa.select(fence(LEADER, epoch))):
        raise LeadershipLostError(LEADER)
    claimed = await store.claim_overdue(session, limit=limit)
    if not claimed:
        return 0
    crash_point("scheduler.after_claim")
    now = await store.get_now(session)
    ids = [case.complaint_id for case in claimed]
    by_case: dict[UUID, list[Deadline]] = {complaint_id: [] for complaint_id in ids}
    for deadline in await store.list_deadlines(session, ids):
        by_case[deadline.complaint_id].append(deadline)
    changes = Changes()
    for case in claimed:
        changes.take(case, by_case[case.complaint_id])
    fire(changes, ids, now, await knowledge.get(session), epoch=epoch)
    await changes.save(session)
    crash_point("scheduler.before_commit")
    return len(claimed)


def fire(
    changes: Changes,
    complaint_ids: Collection[UUID],
    now: datetime,
    reference: Reference,
    *,
    epoch: int | None = None,
) -> None:
    """Tell every miss of these cases that is due at `now` (the database's) and was not told yet.

    A completion that stays overdue grows a deadline for each further workday, up to the rule book's cap.
    """
    due: list[Deadline] = []
    for complaint_id in complaint_ids:
        for deadline in changes.deadlines(complaint_id):
            if _is_due(deadline, now):
                due.append(deadline)
                due += _grown(changes, deadline, now, reference)
    for deadline in sorted(due, key=lambda one: (one.due_at, one.complaint_id, one.level)):
        case = changes.case(deadline.complaint_id)
        if deadline.level == 0:
            changes.tell(case.complaint_id, telling.missed(case, deadline), deadline.due_at)
        else:
            event = telling.overdue_workday(case, deadline, _completion_due(changes, case.complaint_id))
            changes.tell(case.complaint_id, event, deadline.due_at)
        changes.put_deadline(deadline._replace(fired_at=now, epoch=epoch))


def _is_due(deadline: Deadline, now: datetime) -> bool:
    return deadline.live and deadline.fired_at is None and deadline.met_at is None and deadline.due_at <= now


def _grown(changes: Changes, deadline: Deadline, now: datetime, reference: Reference) -> list[Deadline]:
    """Add the further workdays after a completion, or its latest workday, that is due; return the due."""
    if deadline.kind is not ClockKind.COMPLETE:
        return []
    cap = reference.further_workdays[deadline.rule_book_version]
    calendar = reference.calendar_at(deadline.calendar_version, now + _LOOK_AHEAD)
    grown = list(further_workdays(deadline, now, cap, calendar))
    for workday in grown:
        changes.add_deadline(workday)
    return [workday for workday in grown if workday.due_at <= now]


def _completion_due(changes: Changes, complaint_id: UUID) -> datetime:
    return next(
        one.due_at
        for one in changes.deadlines(complaint_id)
        if one.kind is ClockKind.COMPLETE and one.level == 0
    )
