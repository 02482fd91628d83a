"""Cases, their clocks and their content. Who changes a case holds the lock of its row."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.assignment import State
from services.dispatch.domain.cases import Case, Deadline
from services.dispatch.domain.routing import Words
from services.dispatch.domain.standards import Basis, ClockKind
from services.dispatch.tables.cases import CASES, COMPLAINT_CONTENTS, DEADLINES
from shared.database import fetch
from shared.rows import Columns, Insertion, insertion, packed, update_rows

__all__ = [
    "claim_overdue",
    "find_case",
    "find_content",
    "get_now",
    "list_contents",
    "list_deadlines",
    "list_words",
    "lock_cases",
    "new_cases",
    "new_deadlines",
    "save_cases",
    "save_contents",
    "save_deadlines",
]

_SAVED_WORDS = "saved_words"
_CASE_FIELDS = Case._fields
_NEW_CASES = Columns(CASES, _CASE_FIELDS, composite="cases_given_v1")
_CASE_CHANGES = Columns(
    CASES,
    (
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
    ),
)
_DEADLINE_FIELDS = Deadline._fields
_NEW_DEADLINES = Columns(DEADLINES, _DEADLINE_FIELDS, composite="deadlines_given_v1")
_DEADLINE_KEYS = ("complaint_id", "kind", "level")
_DEADLINE_CHANGES = Columns(DEADLINES, (*_DEADLINE_KEYS, "fired_at", "met_at", "epoch"))
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
_LIST_WORDS = """
    SELECT complaint_id, subject, text, location FROM complaint_contents WHERE complaint_id = ANY($1::uuid[])
"""
_CONTENT_FIELDS = tuple(column.name for column in COMPLAINT_CONTENTS.c)
_CONTENTS = Columns(COMPLAINT_CONTENTS, _CONTENT_FIELDS, composite="complaint_contents_given_v1")
_SAVE_CONTENTS = f"""
    {insertion(_CONTENTS)}
    ON CONFLICT (complaint_id) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in _CONTENT_FIELDS)}
    WHERE complaint_contents.version < excluded.version
    RETURNING complaint_id
"""  # noqa: S608 - constant parts


async def get_now(session: AsyncSession) -> datetime:
    """Return the database's present instant: the one clock that says what is due."""
    ((now,),) = await fetch(session, "SELECT now()")
    found: datetime = now
    return found


def new_cases(cases: Sequence[Case]) -> Insertion:
    """New cases, to be inserted."""
    return Insertion(_NEW_CASES, cases)


async def save_cases(session: AsyncSession, cases: Sequence[Case]) -> None:
    """Write what changed of cases this transaction has locked."""
    await update_rows(session, _CASE_CHANGES, ("complaint_id",), cases)


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


def new_deadlines(deadlines: Sequence[Deadline]) -> Insertion:
    """New deadlines, to be inserted."""
    return Insertion(_NEW_DEADLINES, deadlines)


async def save_deadlines(session: AsyncSession, deadlines: Sequence[Deadline]) -> None:
    """Write when deadlines were fired and met; their cases are locked by this transaction."""
    await update_rows(session, _DEADLINE_CHANGES, _DEADLINE_KEYS, deadlines)


async def list_deadlines(session: AsyncSession, complaint_ids: Collection[UUID]) -> list[Deadline]:
    """Return all deadlines of these cases, in due order."""
    rows = await session.execute(_LIST_DEADLINES, {"ids": list(complaint_ids)})
    return [_deadline(row) for row in rows.mappings()]


async def save_contents(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep contents by complaint, unless a newer version is already here."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: str(row["complaint_id"]))
    kept = {
        complaint_id for (complaint_id,) in await fetch(session, _SAVE_CONTENTS, packed(ordered, _CONTENTS))
    }
    session.info.setdefault(_SAVED_WORDS, {}).update(
        {
            row["complaint_id"]: Words(row["subject"], row["text"], row["location"])
            for row in ordered
            if row["complaint_id"] in kept
        }
    )


async def list_contents(session: AsyncSession, complaint_ids: Iterable[UUID]) -> dict[UUID, sa.RowMapping]:
    """Return the contents of these complaints, by complaint."""
    rows = await session.execute(_LIST_CONTENTS, {"ids": list(complaint_ids)})
    return {row["complaint_id"]: row for row in rows.mappings()}


async def list_words(session: AsyncSession, complaint_ids: Iterable[UUID]) -> dict[UUID, Words]:
    """Return what these complaints say, as far as routing reads it, by complaint.

    What this transaction has saved itself is not read again.
    """
    saved: Mapping[UUID, Words] = session.info.get(_SAVED_WORDS, {})
    wanted = set(complaint_ids)
    found = {one: saved[one] for one in wanted & saved.keys()}
    if missing := wanted - found.keys():
        rows = await fetch(session, _LIST_WORDS, list(missing))
        found |= {
            complaint_id: Words(subject, text, location) for complaint_id, subject, text, location in rows
        }
    return found


async def find_content(session: AsyncSession, complaint_id: UUID) -> sa.RowMapping | None:
    """Return what one complaint says, None where it was erased."""
    return (await list_contents(session, [complaint_id])).get(complaint_id)


def _case(row: sa.RowMapping) -> Case:
    values = {name: row[name] for name in _CASE_FIELDS}
    return Case(**values | {"state": State(row["state"]), "matched": tuple(row["matched"])})


def _deadline(row: sa.RowMapping) -> Deadline:
    values = {name: row[name] for name in _DEADLINE_FIELDS}
    return Deadline(**values | {"kind": ClockKind(row["kind"]), "basis": Basis(row["basis"])})
