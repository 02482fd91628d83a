"""Cases, their clocks and their content. Who changes a case holds the lock of its row."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.assignment import State
from services.dispatch.domain.cases import Case, Deadline
from services.dispatch.domain.standards import Basis, ClockKind
from services.dispatch.tables.cases import CASES, COMPLAINT_CONTENTS, DEADLINES
from shared.rows import insert_rows, parameters, selected, update_rows

__all__ = [
    "add_cases",
    "add_deadlines",
    "claim_overdue",
    "find_case",
    "find_content",
    "get_now",
    "list_contents",
    "list_deadlines",
    "list_without_content",
    "lock_cases",
    "save_cases",
    "save_contents",
    "save_deadlines",
]

_CASE_FIELDS = tuple(field.name for field in fields(Case))
_CASE_CHANGES = (
    "complaint_id",
    "state",
    "open",
    "accepted_at",
    "arrived_at",
    "completed_at",
    "answered_at",
    "next_clock",
    "next_due_at",
    "event_seq",
    "answer_version",
)
_DEADLINE_FIELDS = tuple(field.name for field in fields(Deadline))
_DEADLINE_CHANGES = ("deadline_id", "fired_at", "met_at", "epoch")
_IDS = sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
_LOCK_CASES = (
    sa.select(CASES).where(CASES.c.complaint_id == _IDS).order_by(CASES.c.complaint_id).with_for_update()
)
_LIST_DEADLINES = (
    sa.select(DEADLINES)
    .where(DEADLINES.c.complaint_id == _IDS)
    .order_by(DEADLINES.c.due_at, DEADLINES.c.deadline_id)
)
_LIST_CONTENTS = sa.select(COMPLAINT_CONTENTS).where(COMPLAINT_CONTENTS.c.complaint_id == _IDS)
_HAVE_CONTENT = sa.select(COMPLAINT_CONTENTS.c.complaint_id).where(COMPLAINT_CONTENTS.c.complaint_id == _IDS)
_NOW = sa.select(sa.func.now())


async def get_now(session: AsyncSession) -> datetime:
    """Return the database's present instant: the one clock that says what is due."""
    now: datetime = (await session.execute(_NOW)).scalar_one()
    return now


async def add_cases(session: AsyncSession, cases: Sequence[Case]) -> None:
    """Insert new cases."""
    await insert_rows(session, CASES, [_values(case, _CASE_FIELDS) for case in cases])


async def save_cases(session: AsyncSession, cases: Sequence[Case]) -> None:
    """Write what changed of cases this transaction has locked."""
    await update_rows(session, CASES, ("complaint_id",), [_values(case, _CASE_CHANGES) for case in cases])


async def find_case(session: AsyncSession, complaint_id: UUID) -> Case | None:
    """Return one case without locking it."""
    found = await session.execute(sa.select(CASES).where(CASES.c.complaint_id == complaint_id))
    row = found.mappings().first()
    return None if row is None else _case(row)


async def lock_cases(session: AsyncSession, complaint_ids: Collection[UUID]) -> list[Case]:
    """Return those of the cases that exist, locked, in the order of their ids."""
    rows = await session.execute(_LOCK_CASES, {"ids": list(complaint_ids)})
    return [_case(row) for row in rows.mappings()]


async def claim_overdue(session: AsyncSession, *, limit: int) -> list[Case]:
    """Return, locked, the cases of the `limit` deadlines due longest, without waiting for locked ones."""
    due = (
        sa.select(DEADLINES.c.complaint_id)
        .where(
            DEADLINES.c.live,
            DEADLINES.c.fired_at.is_(None),
            DEADLINES.c.met_at.is_(None),
            DEADLINES.c.due_at <= sa.func.now(),
        )
        .order_by(DEADLINES.c.due_at)
        .limit(limit)
    )
    statement = sa.select(CASES).where(CASES.c.complaint_id.in_(due)).with_for_update(skip_locked=True)
    return [_case(row) for row in (await session.execute(statement)).mappings()]


async def add_deadlines(session: AsyncSession, deadlines: Sequence[Deadline]) -> None:
    """Insert new deadlines."""
    await insert_rows(session, DEADLINES, [_values(one, _DEADLINE_FIELDS) for one in deadlines])


async def save_deadlines(session: AsyncSession, deadlines: Sequence[Deadline]) -> None:
    """Write when deadlines were fired and met; their cases are locked by this transaction."""
    rows = [_values(one, _DEADLINE_CHANGES) for one in deadlines]
    await update_rows(session, DEADLINES, ("deadline_id",), rows)


async def list_deadlines(session: AsyncSession, complaint_ids: Collection[UUID]) -> list[Deadline]:
    """Return all deadlines of these cases, in due order."""
    rows = await session.execute(_LIST_DEADLINES, {"ids": list(complaint_ids)})
    return [_deadline(row) for row in rows.mappings()]


async def save_contents(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep contents by complaint, unless a newer version is already here."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: str(row["complaint_id"]))
    await session.execute(_save_contents(tuple(rows[0])), parameters(COMPLAINT_CONTENTS, ordered))


async def list_contents(session: AsyncSession, complaint_ids: Iterable[UUID]) -> dict[UUID, sa.RowMapping]:
    """Return the contents of these complaints, by complaint."""
    rows = await session.execute(_LIST_CONTENTS, {"ids": list(complaint_ids)})
    return {row["complaint_id"]: row for row in rows.mappings()}


async def find_content(session: AsyncSession, complaint_id: UUID) -> sa.RowMapping | None:
    """Return what one complaint says, None where it was erased."""
    return (await list_contents(session, [complaint_id])).get(complaint_id)


async def list_without_content(session: AsyncSession, complaint_ids: Iterable[UUID]) -> set[UUID]:
    """Return those complaints whose content is not here yet."""
    wanted = list(complaint_ids)
    rows = await session.scalars(_HAVE_CONTENT, {"ids": wanted})
    return set(wanted) - set(rows)


@cache
def _save_contents(names: tuple[str, ...]) -> sa.Insert:
    statement = insert(COMPLAINT_CONTENTS).from_select(names, selected(COMPLAINT_CONTENTS, names))
    return statement.on_conflict_do_update(
        index_elements=["complaint_id"],
        set_={name: statement.excluded[name] for name in names if name != "complaint_id"},
        where=COMPLAINT_CONTENTS.c.version < statement.excluded.version,
    )


def _values(one: Case | Deadline, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names}


def _case(row: sa.RowMapping) -> Case:
    values = {name: row[name] for name in _CASE_FIELDS}
    return Case(**values | {"state": State(row["state"]), "matched": tuple(row["matched"])})


def _deadline(row: sa.RowMapping) -> Deadline:
    values = {name: row[name] for name in _DEADLINE_FIELDS}
    return Deadline(**values | {"kind": ClockKind(row["kind"]), "basis": Basis(row["basis"])})
