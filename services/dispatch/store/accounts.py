"""Statements about accounts and signing keys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.dispatch.tables.accounts import PersonRow, SigningKeyRow

__all__ = [
    "add_person",
    "add_signing_key",
    "count_failed_sign_in",
    "find_person",
    "find_person_by_account",
    "get_newest_key",
    "list_persons",
    "lock_accounts",
    "update_person",
]

_ACCOUNTS_LOCK = "dispatch-accounts"


async def lock_accounts(session: AsyncSession) -> None:
    """Queue behind every other transaction that makes first accounts and keys."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(_ACCOUNTS_LOCK))))


async def find_person_by_account(session: AsyncSession, account: str) -> PersonRow | None:
    """The person of an account in its normal form, None where there is none."""
    found: PersonRow | None = await session.scalar(
        sa.select(PersonRow).where(col(PersonRow.account) == account)
    )
    return found


async def find_person(session: AsyncSession, person_id: UUID) -> PersonRow | None:
    """One person, whose row is locked; None where there is none."""
    found: PersonRow | None = await session.scalar(
        sa.select(PersonRow).where(col(PersonRow.id) == person_id).with_for_update()
    )
    return found


async def list_persons(session: AsyncSession) -> Sequence[PersonRow]:
    """Every account, by unit, role and account name."""
    order = (sa.nulls_first(col(PersonRow.unit)), col(PersonRow.role), col(PersonRow.account))
    return (await session.scalars(sa.select(PersonRow).order_by(*order))).all()


async def add_person(session: AsyncSession, person: PersonRow) -> bool:
    """Add a person; False, with nothing changed, where the account is taken."""
    statement = insert(PersonRow).values(**person.model_dump()).on_conflict_do_nothing()
    return (await session.execute(statement.returning(PersonRow.id))).first() is not None  # type: ignore[call-overload]


async def update_person(session: AsyncSession, person_id: UUID, **values: Any) -> PersonRow | None:
    """Change a person; the row as it is then, None where there is none."""
    statement = sa.update(PersonRow).where(col(PersonRow.id) == person_id).values(**values)
    found: PersonRow | None = await session.scalar(
        statement.returning(PersonRow), execution_options={"populate_existing": True}
    )
    return found


async def count_failed_sign_in(session: AsyncSession, account: str) -> None:
    """Add one to the failed sign-ins of an account, where there is such an account."""
    failures = col(PersonRow.failed_sign_ins)
    await session.execute(
        sa.update(PersonRow).where(col(PersonRow.account) == account).values(failed_sign_ins=failures + 1)
    )


async def get_newest_key(session: AsyncSession) -> SigningKeyRow | None:
    """The key that signs now, None before the first one is made."""
    newest = sa.select(SigningKeyRow).order_by(col(SigningKeyRow.created_at).desc()).limit(1)
    found: SigningKeyRow | None = await session.scalar(newest)
    return found


async def add_signing_key(session: AsyncSession, key: SigningKeyRow) -> None:
    """Keep a new signing key."""
    session.add(key)
    await session.flush()
