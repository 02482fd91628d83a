"""Statements that follow what dispatch says of complaints, set-wise."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.intake.domain.progress import Progress, State, Step
from services.intake.tables import AnswerRow, ComplaintRow, StepRow

__all__ = ["add_answers", "find_answers", "find_progress", "save_progress"]


async def find_progress(session: AsyncSession, complaints: Collection[UUID]) -> dict[UUID, Progress]:
    """How far those of `complaints` have come that exist; state and steps are of one instant."""
    rows = await session.execute(
        sa.select(
            col(ComplaintRow.id),
            col(ComplaintRow.state),
            col(ComplaintRow.unit),
            col(StepRow.step),
            col(StepRow.at),
            col(StepRow.due_at),
            col(StepRow.missed),
        )
        .join(StepRow, col(StepRow.complaint_id) == col(ComplaintRow.id), isouter=True)
        .where(col(ComplaintRow.id).in_(complaints))
    )
    heads: dict[UUID, tuple[State, str | None]] = {}
    steps: dict[UUID, dict[State, Step]] = {}
    for complaint_id, state, unit, step, at, due_at, missed in rows:
        heads[complaint_id] = State(state), unit
        known = steps.setdefault(complaint_id, {})
        if step is not None:
            known[State(step)] = Step(at, due_at, missed)
    return {
        complaint_id: Progress(state, unit, steps[complaint_id])
        for complaint_id, (state, unit) in heads.items()
    }


async def save_progress(session: AsyncSession, progress: Mapping[UUID, Progress]) -> None:
    """Keep state, unit and steps of complaints."""
    if not progress:
        return
    await session.execute(
        _HEADS,
        {
            "ids": list(progress),
            "states": [one.state.value for one in progress.values()],
            "units": [one.unit for one in progress.values()],
        },
    )
    rows = [
        {
            "complaint_id": complaint_id,
            "step": state.value,
            "at": step.at,
            "due_at": step.due_at,
            "missed": step.missed,
        }
        for complaint_id, one in progress.items()
        for state, step in one.steps.items()
    ]
    if rows:
        names = ("complaint_id", "step", "at", "due_at", "missed")
        await session.execute(_STEPS, {name: [row[name] for row in rows] for name in names})


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


_HEADS = sa.text("""
    UPDATE complaints SET state = given.state, unit = given.unit
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:units AS text[]))
        AS given (id, state, unit)
    WHERE complaints.id = given.id
""")

_STEPS = sa.text("""
    INSERT INTO steps (complaint_id, step, at, due_at, missed)
    SELECT * FROM unnest(
        CAST(:complaint_id AS uuid[]), CAST(:step AS text[]), CAST(:at AS timestamptz[]),
        CAST(:due_at AS timestamptz[]), CAST(:missed AS boolean[])
    )
    ON CONFLICT (complaint_id, step) DO UPDATE
    SET at = excluded.at, due_at = excluded.due_at, missed = excluded.missed
""")
