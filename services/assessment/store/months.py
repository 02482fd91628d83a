"""Statements on months as a whole: which are frozen, the units' pools, the counters of their events.

Theory of operation. Who books holds the lock of all months shared, from before the months are read until its
transaction ends; who freezes a month or changes a pool holds it alone. So no entry is on its way into a month
while that month is frozen, and none into a month whose cap is worked out for a new pool.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.pools import Pool, UnitMonth
from services.assessment.tables import Base

__all__ = [
    "EnteredPool",
    "FrozenMonth",
    "add_frozen",
    "add_pool",
    "find_frozen",
    "list_entered_pools",
    "list_frozen",
    "list_pools",
    "lock_months",
    "lock_unit_months",
    "next_numbers",
    "share_months",
]

frozen_months, pools, unit_months = (
    Base.metadata.tables[name] for name in ("frozen_months", "pools", "unit_months")
)


@dataclass(frozen=True, slots=True)
class FrozenMonth:
    """A month whose statement is final, and who made it so."""

    month: str
    frozen_at: datetime
    frozen_by: UUID


@dataclass(frozen=True, slots=True)
class EnteredPool:
    """A pool as somebody entered it."""

    pool: Pool
    entered_at: datetime
    entered_by: UUID


async def share_months(session: AsyncSession) -> None:
    """Keep months and pools as they are until this transaction ends, together with others who book."""
    await session.execute(_SHARE)


async def lock_months(session: AsyncSession) -> None:
    """Wait until nobody books, and let nobody until this transaction ends."""
    await session.execute(_LOCK)


async def list_frozen(session: AsyncSession) -> frozenset[str]:
    """The frozen months."""
    return frozenset(await session.scalars(sa.select(frozen_months.c.month)))


async def find_frozen(session: AsyncSession, month: str) -> FrozenMonth | None:
    """A month, if it is frozen."""
    row = (
        await session.execute(sa.select(*frozen_months.c).where(frozen_months.c.month == month))
    ).one_or_none()
    return None if row is None else FrozenMonth(row.month, row.frozen_at, row.frozen_by)


async def add_frozen(session: AsyncSession, month: str, by: UUID) -> FrozenMonth:
    """Freeze a month that is not frozen yet; the caller holds `lock_months`."""
    row = (
        await session.execute(
            sa.insert(frozen_months).values(month=month, frozen_by=by).returning(*frozen_months.c)
        )
    ).one()
    return FrozenMonth(row.month, row.frozen_at, row.frozen_by)


async def list_pools(session: AsyncSession) -> list[Pool]:
    """Every pool in the order they were entered."""
    return [one.pool for one in await list_entered_pools(session)]


async def list_entered_pools(session: AsyncSession) -> list[EnteredPool]:
    """Every pool in the order they were entered, each with when and by whom."""
    rows = await session.execute(sa.select(*pools.c).order_by(pools.c.entered_at))
    return [
        EnteredPool(Pool(row.unit, row.from_month, row.amount_fen), row.entered_at, row.entered_by)
        for row in rows
    ]


async def add_pool(session: AsyncSession, pool: Pool, by: UUID) -> None:
    """Add a pool; the caller holds `lock_months`."""
    await session.execute(sa.insert(pools).values(**pool._asdict(), entered_by=by))


async def lock_unit_months(session: AsyncSession, places: Collection[UnitMonth]) -> None:
    """Lock units' months in the one order that everybody locks them in."""
    rows = [{"unit": unit, "month": month} for unit, month in sorted(places)]
    await session.execute(insert(unit_months).on_conflict_do_nothing(), rows)
    await session.execute(
        sa.select(unit_months.c.month)
        .where(sa.tuple_(unit_months.c.unit, unit_months.c.month).in_([tuple(one) for one in sorted(places)]))
        .order_by(unit_months.c.unit, unit_months.c.month)
        .with_for_update()
    )


async def next_numbers(session: AsyncSession, counts: Mapping[UnitMonth, int]) -> dict[UnitMonth, int]:
    """Reserve that many event numbers per locked month of a unit; the first one of each."""
    places = sorted(counts)
    given = {
        "units": [one.unit for one in places],
        "months": [one.month for one in places],
        "counts": [counts[one] for one in places],
    }
    rows = {UnitMonth(row.unit, row.month): row.event_seq for row in await session.execute(_NUMBERS, given)}
    return {place: rows[place] - counts[place] + 1 for place in places}


_NAME = "hashtextextended('assess the months', 0)"
_SHARE = sa.text(f"SELECT pg_advisory_xact_lock_shared({_NAME})")
_LOCK = sa.text(f"SELECT pg_advisory_xact_lock({_NAME})")
_NUMBERS = sa.text("""
    UPDATE unit_months SET event_seq = event_seq + given.more
    FROM unnest(CAST(:units AS text[]), CAST(:months AS text[]), CAST(:counts AS integer[]))
        AS given (unit, month, more)
    WHERE unit_months.unit = given.unit AND unit_months.month = given.month
    RETURNING unit_months.unit, unit_months.month, unit_months.event_seq
""")
