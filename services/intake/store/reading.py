"""Statements that read complaints and what intake knows of directory and rule book."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.intake.domain.progress import Progress
from services.intake.store.following import find_answers, find_progress
from services.intake.tables import AnswerRow, ComplaintRow, ContentRow
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import UnitState
from shared.contracts.envelope import Event
from shared.state import state_entries

__all__ = [
    "Imported",
    "Record",
    "count_states",
    "find_imported",
    "find_record",
    "find_tail_match",
    "has_state",
]


@dataclass(frozen=True, slots=True)
class Record:
    """A complaint with everything that belongs to it."""

    complaint: ComplaintRow
    content: ContentRow
    progress: Progress
    answer: AnswerRow | None


@dataclass(frozen=True, slots=True)
class Imported:
    """A complaint that was imported before."""

    complaint: ComplaintRow
    content: ContentRow


async def find_record(
    session: AsyncSession,
    *,
    complaint_id: UUID | None = None,
    number: str | None = None,
    token: str | None = None,
) -> Record | None:
    """One complaint by its id, number or token, None where there is none."""
    if complaint_id is not None:
        condition = col(ComplaintRow.id) == complaint_id
    elif number is not None:
        condition = col(ComplaintRow.number) == number
    else:
        condition = col(ComplaintRow.tracking_token) == token
    rows = await session.execute(
        select(ComplaintRow, ContentRow)
        .join(ContentRow, col(ContentRow.complaint_id) == ComplaintRow.id)
        .where(condition)
    )
    found = rows.one_or_none()
    if found is None:
        return None
    complaint, content = found
    progress = await find_progress(session, [complaint.id])
    answers = await find_answers(session, [complaint.id])
    return Record(complaint, content, progress[complaint.id], answers.get(complaint.id))


async def find_tail_match(session: AsyncSession, number: str, tail: str) -> str | None:
    """The tracking token of the complaint with that number and phone tail, None where there is none."""
    statement = select(ComplaintRow.tracking_token).where(
        ComplaintRow.number == number, ComplaintRow.phone_tail == tail
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def find_imported(
    session: AsyncSession, names: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Imported]:
    """Complaints imported before, by source and external id."""
    if not names:
        return {}
    rows = await session.execute(
        select(ComplaintRow, ContentRow)
        .join(ContentRow, col(ContentRow.complaint_id) == ComplaintRow.id)
        .where(sa.tuple_(col(ComplaintRow.source), col(ComplaintRow.external_id)).in_(list(names)))
    )
    return {
        (str(complaint.source), str(complaint.external_id)): Imported(complaint, content)
        for complaint, content in rows
    }


async def count_states(session: AsyncSession, source: str | None) -> dict[str, int]:
    """How many imported complaints there are in each state, of one source or of all."""
    statement = select(ComplaintRow.state, sa.func.count()).where(col(ComplaintRow.external_id).is_not(None))
    if source is not None:
        statement = statement.where(col(ComplaintRow.source) == source)
    rows = await session.execute(statement.group_by(col(ComplaintRow.state)))
    return {str(state): int(count) for state, count in rows}


async def has_state(session: AsyncSession) -> bool:
    """Whether a rule book and a unit are known, without which no report can be checked or shown."""
    for kind in (RuleBookState, UnitState):
        if not await session.scalar(sa.select(sa.exists(_entries(kind)))):
            return False
    return True


def _entries(kind: type[Event]) -> sa.Select[Any]:
    return sa.select(state_entries.c.key).where(
        state_entries.c.topic == kind.topic, state_entries.c.type == kind.type
    )
