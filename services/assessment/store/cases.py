"""Statements on cases."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.facts import Case
from services.assessment.tables import Base

__all__ = [
    "CaseChange",
    "add_cases",
    "find_case",
    "find_known",
    "list_cases",
    "list_numbers",
    "lock_cases",
    "next_numbers",
    "save_changes",
]

cases = Base.metadata.tables["cases"]
_TIMES = ("assigned_at", "accepted_at", "arrived_at", "completed_at", "answered_at")


@dataclass(slots=True)
class CaseChange:
    """What a batch says of one case. `takers` are the units that acted or let their accept clock run out."""

    complaint_id: UUID
    unit: str | None = None
    category: str | None = None
    urgency: str | None = None
    fallback_unit: str | None = None
    times: dict[str, datetime] = field(default_factory=dict)
    takers: set[str] = field(default_factory=set)

    def take(self, unit: str, step: str, at: datetime) -> None:
        """Note that `unit` acted on the case at `at`."""
        self.takers.add(unit)
        self.times[step] = at


async def add_cases(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Open cases; one that is open already stays as it is."""
    await session.execute(insert(cases).on_conflict_do_nothing(), list(rows))


async def find_known(session: AsyncSession, ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that have a case."""
    return set(
        await session.scalars(sa.select(cases.c.complaint_id).where(cases.c.complaint_id == _any(ids)))
    )


async def find_case(session: AsyncSession, complaint: str) -> "sa.Row[UUID, str, str | None] | None":
    """A case by its number, or by its id: id, number and unit."""
    try:
        named = cases.c.complaint_id == UUID(complaint)
    except ValueError:
        named = cases.c.number == complaint
    return (
        await session.execute(sa.select(cases.c.complaint_id, cases.c.number, cases.c.unit).where(named))
    ).first()


async def lock_cases(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Lock cases in the one order that everybody locks them in; the caller locks no more after this."""
    await session.execute(
        sa.select(cases.c.complaint_id)
        .where(cases.c.complaint_id == _any(ids))
        .order_by(cases.c.complaint_id)
        .with_for_update()
    )


async def save_changes(session: AsyncSession, changes: Sequence[CaseChange]) -> None:
    """Write changes to cases that are locked."""
    ordered = sorted(changes, key=lambda one: one.complaint_id)
    given: dict[str, Any] = {
        "ids": [one.complaint_id for one in ordered],
        "units": [one.unit for one in ordered],
        "categories": [one.category for one in ordered],
        "urgencies": [one.urgency for one in ordered],
        "fallbacks": [one.fallback_unit for one in ordered],
        "takers": [" ".join(sorted(one.takers)) for one in ordered],
    }
    given |= {name: [one.times.get(name) for one in ordered] for name in _TIMES}
    await session.execute(_SAVE, given)


async def list_cases(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Case]:
    """The cases by id, as scoring sees them."""
    rows = await session.execute(
        sa.select(cases.c.complaint_id, cases.c.fallback_unit, cases.c.taken).where(
            cases.c.complaint_id == _any(ids)
        )
    )
    return {row.complaint_id: Case(row.complaint_id, row.fallback_unit, row.taken) for row in rows}


async def next_numbers(session: AsyncSession, counts: dict[UUID, int]) -> dict[UUID, tuple[int, str]]:
    """Reserve that many event numbers per locked case; per case the first one, and the case's origin."""
    ordered = sorted(counts)
    rows = await session.execute(_NUMBERS, {"ids": ordered, "counts": [counts[one] for one in ordered]})
    return {row.complaint_id: (row.event_seq - counts[row.complaint_id] + 1, row.origin) for row in rows}


async def list_numbers(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    """The numbers people know cases by."""
    rows = await session.execute(
        sa.select(cases.c.complaint_id, cases.c.number).where(cases.c.complaint_id == _any(ids))
    )
    return {row.complaint_id: row.number for row in rows}


def _any(ids: Collection[UUID]) -> "sa.CollectionAggregate[bool]":
    """Any of these ids, as one parameter however many they are."""
    return sa.any_(sa.cast(list(ids), ARRAY(sa.Uuid)))


_SAVE = sa.text("""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:units AS text[]), CAST(:categories AS text[]),
            CAST(:urgencies AS text[]), CAST(:fallbacks AS text[]), CAST(:takers AS text[]),
            CAST(:assigned_at AS timestamptz[]), CAST(:accepted_at AS timestamptz[]),
            CAST(:arrived_at AS timestamptz[]), CAST(:completed_at AS timestamptz[]),
            CAST(:answered_at AS timestamptz[])
        ) AS columns (
            id, unit, category, urgency, fallback, takers,
            assigned_at, accepted_at, arrived_at, completed_at, answered_at
        )
    )
    UPDATE cases SET
        unit = coalesce(given.unit, cases.unit),
        category = coalesce(given.category, cases.category),
        urgency = coalesce(given.urgency, cases.urgency),
        fallback_unit = coalesce(given.fallback, cases.fallback_unit),
        taken = cases.taken OR coalesce(
            coalesce(given.fallback, cases.fallback_unit) = ANY(string_to_array(given.takers, ' ')), false
        ),
        assigned_at = coalesce(given.assigned_at, cases.assigned_at),
        accepted_at = coalesce(given.accepted_at, cases.accepted_at),
        arrived_at = coalesce(given.arrived_at, cases.arrived_at),
        completed_at = coalesce(given.completed_at, cases.completed_at),
        answered_at = coalesce(given.answered_at, cases.answered_at)
    FROM given
    WHERE cases.complaint_id = given.id
""")
_NUMBERS = sa.text("""
    WITH given AS MATERIALIZED (
        SELECT id, more FROM unnest(CAST(:ids AS uuid[]), CAST(:counts AS integer[])) AS c (id, more)
    )
    UPDATE cases SET event_seq = event_seq + given.more
    FROM given
    WHERE cases.complaint_id = given.id
    RETURNING cases.complaint_id, cases.event_seq, cases.origin
""")
