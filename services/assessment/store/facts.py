"""Statements on the inputs of scoring: misses, further workdays, evidence."""

from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain import facts
from services.assessment.tables import Base, EvidenceRow
from shared.contracts.dispatch import DeadlineMissed, OverdueWorkday
from shared.contracts.envelope import Received

__all__ = [
    "add_evidence",
    "add_misses",
    "add_overdue_workdays",
    "find_evidence",
    "list_evidence",
    "list_following_cases",
    "list_misses",
    "list_overdue_workdays",
    "list_preceding_misses",
    "lock_units",
]

_IDS = ARRAY(sa.Uuid)
misses, overdue_workdays, evidence_events = (
    Base.metadata.tables[name] for name in ("misses", "overdue_workdays", "evidence_events")
)


async def lock_units(session: AsyncSession, units: Collection[str]) -> None:
    """Queue behind whoever scores one of these units, until this transaction ends."""
    for unit in sorted(units):
        await session.execute(_LOCK, {"name": f"assess:{unit}"})


async def add_misses(
    session: AsyncSession, reported: Sequence[tuple[Received[DeadlineMissed], DeadlineMissed]]
) -> None:
    """Keep misses; a deadline's first report stands."""
    rows = [
        {
            "deadline_id": data.deadline_id,
            "event_id": one.id,
            "complaint_id": data.complaint_id,
            "unit": data.unit,
            "urgency": data.urgency.value,
            "kind": data.kind.value,
            "basis": data.basis.value,
            "budget_minutes": data.budget_minutes,
            "elapsed_minutes": data.elapsed_minutes,
            "registered_at": data.registered_at,
            "due_at": data.due_at,
            "occurred_at": one.occurred_at,
            "stopped_at": data.stopped_at,
            "standard": data.standard,
            "rule_book_version": data.rule_book_version,
            "calendar_version": data.calendar_version,
        }
        for one, data in reported
    ]
    if rows:
        await session.execute(insert(misses).on_conflict_do_nothing(), rows)


async def add_overdue_workdays(
    session: AsyncSession, reported: Sequence[tuple[Received[OverdueWorkday], OverdueWorkday]]
) -> None:
    """Keep further workdays; the first report of each stands."""
    rows = [
        {
            "deadline_id": data.deadline_id,
            "workday": data.workday,
            "event_id": one.id,
            "complaint_id": data.complaint_id,
            "unit": data.unit,
            "due_at": data.due_at,
            "occurred_at": one.occurred_at,
        }
        for one, data in reported
    ]
    if rows:
        await session.execute(insert(overdue_workdays).on_conflict_do_nothing(), rows)


async def add_evidence(
    session: AsyncSession,
    reported: Sequence[
        tuple[Received[DeadlineMissed], DeadlineMissed] | tuple[Received[OverdueWorkday], OverdueWorkday]
    ],
) -> None:
    """Keep events whole, so that an entry that names one can be shown with it."""
    rows = [
        {
            "event_id": one.id,
            "complaint_id": data.complaint_id,
            "type": one.type,
            "occurred_at": one.occurred_at,
            "body": data.model_dump(mode="json"),
        }
        for one, data in reported
    ]
    if rows:
        await session.execute(insert(evidence_events).on_conflict_do_nothing(), rows)


async def find_evidence(session: AsyncSession, event_id: UUID) -> EvidenceRow | None:
    """One event that was kept as evidence."""
    return await session.get(EvidenceRow, event_id)


async def list_evidence(session: AsyncSession, event_ids: Collection[UUID]) -> dict[UUID, EvidenceRow]:
    """Events that were kept as evidence, by id."""
    rows = await session.scalars(sa.select(EvidenceRow).where(evidence_events.c.event_id == _any(event_ids)))
    return {row.event_id: row for row in rows}


async def list_misses(session: AsyncSession, complaint_ids: Collection[UUID]) -> list[facts.Miss]:
    """Every miss of these cases."""
    rows = await session.execute(sa.select(*misses.c).where(misses.c.complaint_id == _any(complaint_ids)))
    return [_miss(row) for row in rows]


async def list_overdue_workdays(
    session: AsyncSession, complaint_ids: Collection[UUID]
) -> list[facts.OverdueWorkday]:
    """Every further workday of these cases."""
    rows = await session.execute(
        sa.select(*overdue_workdays.c).where(overdue_workdays.c.complaint_id == _any(complaint_ids))
    )
    return [
        facts.OverdueWorkday(
            event_id=row.event_id,
            case_id=row.complaint_id,
            deadline_id=row.deadline_id,
            unit=row.unit,
            workday=row.workday,
            due_at=row.due_at,
            occurred_at=row.occurred_at,
        )
        for row in rows
    ]


async def list_following_cases(session: AsyncSession, deadline_ids: Collection[UUID]) -> set[UUID]:
    """Cases of the chargeable miss that follows each of these, of the same unit and kind of clock.

    It is the one whose being a repeat each of these may decide: whatever comes later has a nearer one.
    """
    rows = await session.execute(_FOLLOWING, {"ids": list(deadline_ids)})
    return {row.complaint_id for row in rows}


async def list_preceding_misses(session: AsyncSession, deadline_ids: Collection[UUID]) -> list[facts.Miss]:
    """The chargeable miss that precedes each of these, of the same unit and kind of clock."""
    rows = await session.execute(_PRECEDING, {"ids": list(deadline_ids)})
    return [_miss(row) for row in rows]


def _any(ids: Collection[UUID]) -> "sa.CollectionAggregate[bool]":
    """Any of these ids, as one parameter however many they are."""
    return sa.any_(sa.cast(list(ids), _IDS))


def _miss(row: "sa.Row[tuple[object, ...]]") -> facts.Miss:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public way to the columns by name
    return facts.Miss(
        event_id=values["event_id"],
        case_id=values["complaint_id"],
        deadline_id=values["deadline_id"],
        unit=values["unit"],
        urgency=values["urgency"],
        kind=facts.ClockKind(values["kind"]),
        basis=facts.Basis(values["basis"]),
        budget_minutes=values["budget_minutes"],
        elapsed_minutes=values["elapsed_minutes"],
        registered_at=values["registered_at"],
        due_at=values["due_at"],
        occurred_at=values["occurred_at"],
        stopped_at=values["stopped_at"],
        standard=values["standard"],
        rule_book_version=values["rule_book_version"],
        calendar_version=values["calendar_version"],
    )


_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")

_NEIGHBOUR = """
    SELECT DISTINCT near.*
    FROM misses AS one
    CROSS JOIN LATERAL (
        SELECT other.* FROM misses AS other JOIN cases ON cases.complaint_id = other.complaint_id
        WHERE other.unit = one.unit AND other.kind = one.kind
          AND (other.occurred_at, other.complaint_id, other.deadline_id)
              {beyond} (one.occurred_at, one.complaint_id, one.deadline_id)
          AND (cases.taken OR cases.fallback_unit IS DISTINCT FROM other.unit)
        ORDER BY other.occurred_at {way}, other.complaint_id {way}, other.deadline_id {way}
        LIMIT 1
    ) AS near
    WHERE one.deadline_id = ANY(CAST(:ids AS uuid[]))
"""
_FOLLOWING = sa.text(_NEIGHBOUR.format(beyond=">", way="ASC"))
_PRECEDING = sa.text(_NEIGHBOUR.format(beyond="<", way="DESC"))
