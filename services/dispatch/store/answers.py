"""Answers, and the meeting place of another system's complaints with their recorded answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.answers import Imported
from services.dispatch.tables.cases import ANSWERS, IMPORTED_ANSWERS
from shared.database import fetch
from shared.rows import Columns, Insertion, insertion, packed, update_rows

__all__ = [
    "ImportedAnswer",
    "find_answer",
    "list_imported",
    "meet",
    "new_answers",
    "save_imported",
]


@dataclass(frozen=True, slots=True)
class ImportedAnswer:
    """A complaint of another system and its answer, as far as both are here."""

    source: str
    external_id: str
    complaint_id: UUID | None = None
    text: str | None = None
    answered_at: datetime | None = None
    received_at: datetime | None = None
    received_from: str | None = None
    state: Imported = Imported.WAITING
    reason: str | None = None


_FIELDS = tuple(field.name for field in fields(ImportedAnswer))
_KEYS = ("source", "external_id")
_ANSWERS = Columns(ANSWERS, tuple(column.name for column in ANSWERS.c))
_MEET = f"""
    {insertion(Columns(IMPORTED_ANSWERS, (*_KEYS, "complaint_id", "state")))}
    ON CONFLICT (source, external_id)
    DO UPDATE SET complaint_id = coalesce(imported_answers.complaint_id, excluded.complaint_id)
    RETURNING {", ".join(_FIELDS)}
"""


async def meet(
    session: AsyncSession, complaints: Mapping[tuple[str, str], UUID | None]
) -> dict[tuple[str, str], ImportedAnswer]:
    """Return what is known under each (source, external id), with the complaint where one is given.

    The rows are made where missing and stay locked, in key order, to the end of the transaction: of a
    complaint and its answer that come at the same time, the second one finds the first.
    """
    if not complaints:
        return {}
    rows = [
        {"source": source, "external_id": external_id, "complaint_id": complaint_id, "state": "waiting"}
        for (source, external_id), complaint_id in sorted(complaints.items())
    ]
    found = [
        _imported(dict(zip(_FIELDS, row, strict=True))) for row in await fetch(session, _MEET, packed(rows))
    ]
    return {(one.source, one.external_id): one for one in found}


async def save_imported(session: AsyncSession, answers: Sequence[ImportedAnswer]) -> None:
    """Write answers whose rows this transaction has locked."""
    await update_rows(session, Columns(IMPORTED_ANSWERS, _FIELDS), _KEYS, answers)


async def list_imported(session: AsyncSession, state: Imported, *, limit: int) -> list[ImportedAnswer]:
    """Return imported answers that stand at `state`, the latest first."""
    rows = await session.execute(
        sa.select(IMPORTED_ANSWERS)
        .where(IMPORTED_ANSWERS.c.state == state.value, IMPORTED_ANSWERS.c.text.is_not(None))
        .order_by(IMPORTED_ANSWERS.c.received_at.desc())
        .limit(limit)
    )
    return [_imported(row) for row in rows.mappings()]


def new_answers(rows: Sequence[Mapping[str, Any]]) -> Insertion:
    """Answers as complainants read them, to be inserted."""
    return Insertion(_ANSWERS, rows)


async def find_answer(session: AsyncSession, complaint_id: UUID) -> Mapping[str, Any] | None:
    """Return the newest answer of a complaint: its answer_id, text and answered_at."""
    names = ("answer_id", "text", "answered_at")
    rows = await session.execute(
        sa.select(*(ANSWERS.c[name] for name in names))
        .where(ANSWERS.c.complaint_id == complaint_id)
        .order_by(ANSWERS.c.version.desc())
        .limit(1)
    )
    row = rows.first()
    return None if row is None else dict(zip(names, row, strict=True))


def _imported(row: Mapping[Any, Any]) -> ImportedAnswer:
    return ImportedAnswer(**{name: row[name] for name in _FIELDS} | {"state": Imported(row["state"])})
