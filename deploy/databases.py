"""The four databases: one database and one role per service, and a role that may only read them all."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from asyncpg import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import create_engine, create_sessions, run_unit

__all__ = ["AUDITOR", "ROLES", "SERVICES", "database_name", "database_url", "in_transaction", "provision"]

T = TypeVar("T")

SERVICES = ("intake", "dispatch", "assessment", "notify")
AUDITOR = "auditor"


def database_name(service: str) -> str:
    """Name of a service's database, which is also the name of its role."""
    return f"huiying_{service}"


ROLES = (*(database_name(service) for service in SERVICES), AUDITOR)


def database_url(server: str, database: str, role: str, password: str) -> str:
    """Address of `database` on the server of the address `server`, signing in as `role`."""
    parts = urlsplit(server)
    host = f"{parts.hostname}:{parts.port or 5432}"
    return urlunsplit(
        ("postgresql", f"{quote(role, safe='')}:{quote(password, safe='')}@{host}", f"/{database}", "", "")
    )


async def in_transaction(url: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """What `work` returns, done in one transaction of the database at `url`."""
    engine = create_engine(url)
    try:
        return await run_unit(create_sessions(engine), work)
    finally:
        await engine.dispose()


async def provision(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make what is missing of roles and databases on the server of `admin_url`, and set the roles' passwords.

    Repeatable. `passwords` has one entry per name in `ROLES`. Needs a role that may create roles and
    databases. New databases take the server's locale, which must know more than ASCII: ValueError otherwise,
    because trigram search finds no Chinese under the C locale.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        await _check_locale(connection)
        for role in ROLES:
            await _ensure_role(connection, role, passwords[role])
        for service in SERVICES:
            await _ensure_database(connection, database_name(service))
        await connection.execute(f"GRANT pg_read_all_data TO {AUDITOR}")
        await connection.execute(f"ALTER ROLE {AUDITOR} SET default_transaction_read_only = on")
    finally:
        await connection.close()


async def _check_locale(connection: Connection) -> None:
    sample = await connection.fetchval("SELECT lower('Ä') = 'ä'")
    if not sample:
        raise ValueError(
            "the server's locale knows ASCII only: initdb --locale-provider=builtin --locale=C.UTF-8"
        )


async def _ensure_role(connection: Connection, role: str, password: str) -> None:
    known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if known else "CREATE"
    secret = await connection.fetchval("SELECT quote_literal($1::text)", password)
    await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD {secret}")


async def _ensure_database(connection: Connection, name: str) -> None:
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {AUDITOR}")
