"""Statements on the ledger: entries are only ever added."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.ledger import Entry, Posting
from services.assessment.domain.pools import UnitMonth
from services.assessment.domain.scoring import ChargeKey
from services.assessment.tables import Base

__all__ = [
    "Charged",
    "Line",
    "Total",
    "add_entries",
    "list_charged",
    "list_entries",
    "list_lines",
    "list_month_entries",
    "list_month_lines",
    "list_months",
    "list_totals",
]

ledger = Base.metadata.tables["ledger"]
cases = Base.metadata.tables["cases"]

_PLACE = (
    ledger.c.occurred_at,
    ledger.c.complaint_id,
    ledger.c.clause,
    ledger.c.occurrence,
    ledger.c.entry_id,
)
"""Where an entry stands in a statement, whatever the order in which its events arrived."""

_wrong, _reversal = ledger.alias("wrong"), ledger.alias("reversal")
_SHOWN = sa.and_(
    ~sa.exists().where(_reversal.c.reverses == ledger.c.entry_id, _reversal.c.month == ledger.c.month),
    ~sa.exists().where(_wrong.c.entry_id == ledger.c.reverses, _wrong.c.month == ledger.c.month),
)
"""What a statement shows: an entry and its reversal within one month cancel out and are both left away. Where
they are booked in two months, because the first was frozen in between, each month shows its own."""


@dataclass(frozen=True, slots=True)
class Total:
    """What a month costs a unit: signed fen, and how many entries its statement shows."""

    unit: str
    total_fen: int
    entry_count: int


@dataclass(frozen=True, slots=True)
class Charged:
    """What the entries of a unit's month charge so far, positive for a deduction, caps of the month apart.

    `newest` is the last event behind them.
    """

    amount_fen: int
    newest: UUID


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as a statement shows it; without complaint and number where it concerns the whole month."""

    entry_id: UUID
    complaint_id: UUID | None
    number: str | None
    unit: str
    clause: str
    occurrence: str
    amount_fen: int
    occurred_at: datetime
    rule_book_version: int
    evidence: tuple[UUID, ...]
    explanation: str
    reverses: UUID | None
    frozen_month: str | None


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
            "frozen_month": entry.posting.frozen_month,
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


async def list_month_entries(
    session: AsyncSession, places: Collection[UnitMonth], clause: str
) -> list[tuple[Entry, int]]:
    """Every entry that concerns one of these months of units as a whole by that clause, as above."""
    rows = await session.execute(
        sa.select(*ledger.c)
        .where(ledger.c.complaint_id.is_(None), _in(places), ledger.c.clause == clause)
        .order_by(ledger.c.entry_id)
    )
    return [(Entry(row.entry_id, _posting(row)), row.round) for row in rows]


async def list_charged(session: AsyncSession, places: Collection[UnitMonth]) -> Mapping[UnitMonth, Charged]:
    """What the entries of cases charge in these months of units, where there are any."""
    rows = await session.execute(
        _CHARGED, {"units": [one.unit for one in places], "months": [one.month for one in places]}
    )
    return {UnitMonth(row.unit, row.month): Charged(int(row.fen), row.newest) for row in rows}


async def list_months(session: AsyncSession, unit: str, from_month: str) -> list[str]:
    """The months of a unit from `from_month` on that have entries."""
    return list(
        await session.scalars(
            sa.select(ledger.c.month)
            .where(ledger.c.unit == unit, ledger.c.month >= from_month)
            .distinct()
            .order_by(ledger.c.month)
        )
    )


async def list_totals(session: AsyncSession, month: str, unit: str | None = None) -> list[Total]:
    """What a month costs each unit that has entries."""
    statement = (
        sa.select(ledger.c.unit, sa.func.sum(ledger.c.amount_fen), sa.func.count().filter(_SHOWN))
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
    """What a month's statement shows of cases in the order things happened, from after entry `after` on.

    LookupError where there never was an entry `after` of a case.
    """
    statement = (
        sa.select(ledger, cases.c.number)
        .join(cases, cases.c.complaint_id == ledger.c.complaint_id)
        .where(ledger.c.month == month, _SHOWN)
        .order_by(*_PLACE)
        .limit(limit)
    )
    if unit is not None:
        statement = statement.where(ledger.c.unit == unit)
    if after is not None:
        of_a_case = sa.select(*_PLACE).where(ledger.c.entry_id == after, ledger.c.complaint_id.is_not(None))
        place = (await session.execute(of_a_case)).one_or_none()
        if place is None:
            raise LookupError(f"no entry {after}")
        statement = statement.where(sa.tuple_(*_PLACE) > sa.tuple_(*place))
    return [_line(row, row.number) for row in await session.execute(statement)]


async def list_month_lines(session: AsyncSession, month: str, unit: str | None = None) -> list[Line]:
    """What a month's statement shows of units' months as a whole."""
    statement = (
        sa.select(ledger)
        .where(ledger.c.complaint_id.is_(None), ledger.c.month == month, _SHOWN)
        .order_by(ledger.c.unit, ledger.c.clause)
    )
    if unit is not None:
        statement = statement.where(ledger.c.unit == unit)
    return [_line(row, None) for row in await session.execute(statement)]


def _in(places: Collection[UnitMonth]) -> "sa.ColumnElement[bool]":
    return sa.tuple_(ledger.c.unit, ledger.c.month).in_([tuple(one) for one in sorted(places)])


def _line(row: Any, number: str | None) -> Line:
    return Line(
        entry_id=row.entry_id,
        complaint_id=row.complaint_id,
        number=number,
        unit=row.unit,
        clause=row.clause,
        occurrence=row.occurrence,
        amount_fen=row.amount_fen,
        occurred_at=row.occurred_at,
        rule_book_version=row.rule_book_version,
        evidence=tuple(row.evidence),
        explanation=row.explanation,
        reverses=row.reverses,
        frozen_month=row.frozen_month,
    )


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
        frozen_month=row.frozen_month,
    )


_CHARGED = sa.text("""
    SELECT place.unit, place.month, charged.fen, latest.newest
    FROM unnest(CAST(:units AS text[]), CAST(:months AS text[])) AS place (unit, month)
    CROSS JOIN LATERAL (
        SELECT -sum(amount_fen) AS fen FROM ledger
        WHERE month = place.month AND unit = place.unit AND complaint_id IS NOT NULL
    ) AS charged
    CROSS JOIN LATERAL (
        SELECT evidence[1] AS newest FROM ledger
        WHERE month = place.month AND unit = place.unit AND complaint_id IS NOT NULL
        ORDER BY occurred_at DESC, complaint_id DESC, clause DESC, occurrence DESC LIMIT 1
    ) AS latest
""")
