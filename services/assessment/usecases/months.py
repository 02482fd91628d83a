"""What the office decides about months: freezing one, and the pools that cap the units' months."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.months import MonthError, beginning, check_freezable, check_month
from services.assessment.domain.pools import Pool, UnitMonth, cap_of, check_from_month
from services.assessment.domain.rulebook import RuleBook
from services.assessment.store import ledger, months
from services.assessment.store.months import FrozenMonth
from services.assessment.usecases.booking import cap_months
from services.assessment.usecases.books import Books
from services.assessment.usecases.statements import month_problem, visible_unit, visible_units
from shared import state
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.dispatch import PersonState, Role, UnitState
from shared.contracts.envelope import Origin

__all__ = ["KEEPERS", "PoolEntry", "enter_pool", "freeze", "list_pool_entries", "person_name"]

KEEPERS = (Role.OFFICE, Role.ADMINISTRATOR)
"""Who freezes months and enters pools."""


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A pool as it was entered; `cap_fen` is what a month stops at, by the rule book of the first month."""

    unit: UnitState
    pool: Pool
    cap_fen: int | None
    entered_at: datetime
    entered_by: UUID


async def freeze(
    session: AsyncSession, month: str, who: Principal, *, books: Books, clock: Clock
) -> FrozenMonth:
    """Make a month's statement final: later entries of it go to the next open month. Repeatable.

    Problem 422 for what is no month or not over, 404 for a month without a statement.
    """
    now, first = clock.now(), beginning(await books.load(session))
    try:
        check_month(month, first=first, now=now)
    except MonthError as error:
        raise month_problem(error) from None
    try:
        check_freezable(month, now=now)
    except MonthError as error:
        raise month_problem(error, status=422) from None
    await months.lock_months(session)
    return await months.find_frozen(session, month) or await months.add_frozen(session, month, who.person_id)


async def enter_pool(
    session: AsyncSession, pool: Pool, who: Principal, *, books: Books, clock: Clock
) -> None:
    """Enter a unit's pool from a month on, and bring the caps of its months to it.

    Problem 422 naming the field where the unit or the month cannot be.
    """
    unit = (await visible_unit(session, pool.unit, who)).code
    await months.lock_months(session)
    frozen, first = await months.list_frozen(session), beginning(await books.load(session))
    try:
        check_from_month(pool.from_month, frozen, first=first, now=clock.now())
    except MonthError as error:
        raise month_problem(error, field="from_month", status=422) from None
    await months.add_pool(session, pool._replace(unit=unit), who.person_id)
    places = {
        UnitMonth(unit, month): Origin.LIVE
        for month in await ledger.list_months(session, unit, pool.from_month)
    }
    await cap_months(session, places, await months.list_pools(session), books=books, clock=clock)


async def list_pool_entries(session: AsyncSession, who: Principal, books: Books) -> list[PoolEntry]:
    """Return the pools that are somebody's to see, as they were entered, the newest first."""
    units = {one.code: one for one in await visible_units(session, who)}
    known = await books.load(session)
    return [
        PoolEntry(units[one.pool.unit], one.pool, _cap_fen(one.pool, known), one.entered_at, one.entered_by)
        for one in reversed(await months.list_entered_pools(session))
        if one.pool.unit in units
    ]


def _cap_fen(pool: Pool, books: Mapping[int, RuleBook]) -> int | None:
    cap = cap_of(UnitMonth(pool.unit, pool.from_month), [pool], books)
    return cap.fen if cap else None


async def person_name(session: AsyncSession, person_id: UUID) -> str:
    """Return a person's name, by the directory as this service has read it."""
    person = await state.find(session, PersonState, f"person:{person_id}")
    return person.name if person else "—"
