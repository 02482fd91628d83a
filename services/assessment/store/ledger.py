"""Statements on the ledger: entries are only ever added."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.ledger import Entry, Posting
from services.assessment.domain.scoring import ChargeKey
from services.assessment.tables import Base

__all__ = ["Line", "Total", "add_entries", "list_entries", "list_lines", "list_totals"]

ledger = Base.metadata.tables["ledger"]
cases = Base.metadata.tables["cases"]

_PLACE = (ledger.c.occurred_at, ledger.c.complaint_id, ledger.c.clause, ledger.c.occurrence)
"""Where an entry stands in a statement, whatever the order in which its events arrived."""


@dataclass(frozen=True, slots=True)
class Total:
    """What a month costs a unit: signed fen, and how many entries are in force."""

    unit: str
    total_fen: int
    entry_count: int


@dataclass(frozen=True, slots=True)
class Line:
    """An entry in force, as a statement shows it."""

    entry_id: UUID
    complaint_id: UUID
    number: str
    unit: str
    clause: str
    occurrence: str
    amount_fen: int
    occurred_at: datetime
    rule_book_version: int
    evidence: tuple[UUID, ...]
    explanation: str


async def list_entries(session: AsyncSession, complaint_ids: Collection[UUID]) -> list[tuple[Entry, int]]:
    """Every entry of these cases, reversed ones and reversals too, each with its round."""
    rows = await session.execute(
        sa.select(*ledger.c)
        .where(ledger.c.complaint_id == sa.any_(sa.cast(list(complaint_ids), ARRAY(sa.Uuid))))
        .order_by(ledger.c.entry_id)
    )
    return [(Entry(row.entry_id, _posting(row)), row.round) for row in rows]


async def add_entries(session: AsyncSession, entries: Sequence[tuple[Entry, int]]) -> None:
    """Add entries, each with the round of its key."""
    rows: list[dict[str, Any]] = [
        {
            "entry_id": entry.entry_id,
            "complaint_id": entry.posting.key.case_id,
            "unit": entry.posting.unit,
            "clause": entry.posting.key.clause,
            "occurrence": entry.posting.key.occurrence,
            "round": round_,
            "amount_fen": entry.posting.amount_fen,
            "month": entry.posting.month,
            "occurred_at": entry.posting.occurred_at,
            "rule_book_version": entry.posting.rule_book_version,
            "evidence": list(entry.posting.evidence),
            "explanation": entry.posting.explanation,
            "reverses": entry.posting.reverses,
        }
        for entry, round_ in entries
    ]
    if rows:
        await session.execute(sa.insert(ledger), rows)


async def list_totals(session: AsyncSession, month: str, unit: str | None = None) -> list[Total]:
    """What a month costs each unit that has entries; an entry and its reversal cancel out."""
    in_force = sa.func.count().filter(ledger.c.reverses.is_(None)) - sa.func.count(ledger.c.reverses)
    statement = (
        sa.select(ledger.c.unit, sa.func.sum(ledger.c.amount_fen), in_force)
        .where(ledger.c.month == month)
        .group_by(ledger.c.unit)
    )
    if unit is not None:
        statement = statement.where(ledger.c.unit == unit)
    return [Total(row[0], int(row[1]), int(row[2])) for row in await session.execute(statement)]


async def list_lines(
    session: AsyncSession,
    month: str,
    unit: str | None = None,
    *,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[Line]:
    """Entries in force of a month in the order things happened, from the one after entry `after` on.

    LookupError where there never was an entry `after`.
    """
    reversal = ledger.alias()
    statement = (
        sa.select(ledger, cases.c.number)
        .join(cases, cases.c.complaint_id == ledger.c.complaint_id)
        .where(
            ledger.c.month == month,
            ledger.c.reverses.is_(None),
            ~sa.exists().where(reversal.c.reverses == ledger.c.entry_id),
        )
        .order_by(*_PLACE)
        .limit(limit)
    )
    if unit is not None:
        statement = statement.where(ledger.c.unit == unit)
    if after is not None:
        place = (await session.execute(sa.select(*_PLACE).where(ledger.c.entry_id == after))).one_or_none()
        if place is None:
            raise LookupError(f"no entry {after}")
        statement = statement.where(sa.tuple_(*_PLACE) > sa.tuple_(*place))
    return [
        Line(
            entry_id=row.entry_id,
            complaint_id=row.complaint_id,
            number=row.number,
            unit=row.unit,
            clause=row.clause,
            occurrence=row.occurrence,
            amount_fen=row.amount_fen,
            occurred_at=row.occurred_at,
            rule_book_version=row.rule_book_version,
            evidence=tuple(row.evidence),
            explanation=row.explanation,
        )
        for row in await session.execute(statement)
    ]


def _posting(row: Any) -> Posting:
    return Posting(
        key=ChargeKey(row.complaint_id, row.clause, row.occurrence),
        unit=row.unit,
        amount_fen=row.amount_fen,
        month=row.month,
        occurred_at=row.occurred_at,
        rule_book_version=row.rule_book_version,
        evidence=tuple(row.evidence),
        explanation=row.explanation,
        reverses=row.reverses,
    )
