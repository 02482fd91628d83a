"""Statements that follow what dispatch says of complaints, set-wise."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.intake.domain.progress import Progress, State, Step
from services.intake.tables import AnswerRow, Base
from shared.database import fetch
from shared.rows import Columns, update_rows

__all__ = ["add_answers", "find_answers", "find_progress", "save_progress"]

_FOLLOWED = Columns(
    Base.metadata.tables["complaints"], ("id", "state", "unit", "steps"), composite="complaints_followed_v1"
)
_STEPS = msgspec.json.Decoder(dict[State, Step])
_PROGRESS = "SELECT id, state, unit, steps::text FROM complaints WHERE id = ANY($1::uuid[])"


async def find_progress(session: AsyncSession, complaints: Collection[UUID]) -> dict[UUID, Progress]:
    """How far those of `complaints` have come that exist."""
    rows = await fetch(session, _PROGRESS, list(complaints))
    return {
        complaint_id: Progress(State(state), unit, _STEPS.decode(steps))
        for complaint_id, state, unit, steps in rows
    }


async def save_progress(session: AsyncSession, progress: Mapping[UUID, Progress]) -> None:
    """Keep state, unit and steps of complaints."""
    rows = [
        {"id": complaint_id, "state": one.state, "unit": one.unit, "steps": one.steps}
        for complaint_id, one in progress.items()
    ]
    await update_rows(session, _FOLLOWED, ("id",), rows)


async def find_answers(session: AsyncSession, complaints: Collection[UUID]) -> dict[UUID, AnswerRow]:
    """The newest answers known to `complaints`."""
    rows = await session.execute(select(AnswerRow).where(col(AnswerRow.complaint_id).in_(complaints)))
    return {row.complaint_id: row for row in rows.scalars()}


async def add_answers(session: AsyncSession, answers: Sequence[AnswerRow]) -> None:
    """Keep answers, each in place of the one before; one per complaint at most."""
    if not answers:
        return
    statement = insert(AnswerRow).values([answer.model_dump() for answer in answers])
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["complaint_id"],
            set_={
                "answer_id": statement.excluded.answer_id,
                "text": statement.excluded.text,
                "answered_at": statement.excluded.answered_at,
            },
        )
    )
