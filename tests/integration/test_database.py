"""Statements that go straight to the driver are part of the session's one transaction."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import (
    DRIVER_ERRORS,
    Sessions,
    create_engine,
    create_sessions,
    fetch,
    is_passing_failure,
    run_unit,
)
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

INSERT = "INSERT INTO things VALUES ($1)"


@pytest.fixture
async def dsn(postgres: PostgresServer) -> str:
    made = postgres.create_database()
    connection = await asyncpg.connect(made)
    await connection.execute("CREATE TABLE things (id integer PRIMARY KEY)")
    await connection.close()
    return made


@pytest.fixture
async def sessions(dsn: str) -> AsyncIterator[Sessions]:
    engine = create_engine(dsn)
    yield create_sessions(engine)
    await engine.dispose()


async def insert(sessions: Sessions, number: int) -> None:
    await run_unit(sessions, lambda session: fetch(session, INSERT, number))


async def things(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT id FROM things ORDER BY id")
    await connection.close()
    return [row["id"] for row in rows]


async def until_gone(watcher: "asyncpg.Connection[asyncpg.Record]", pid: int) -> None:
    async def is_gone() -> bool:
        return not await watcher.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)

    await eventually(is_gone)


async def end_session(dsn: str, pid: int) -> None:
    """End a session of the server, as an administrator may, and wait until it is gone."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await until_gone(connection, pid)
    await connection.close()


async def test_they_are_committed_with_the_session(sessions: Sessions, dsn: str) -> None:
    async def write(session: AsyncSession) -> None:
        await fetch(session, INSERT, 1)
        await session.execute(sa.text("INSERT INTO things VALUES (2)"))
        await fetch(session, INSERT, 3)
        assert await things(dsn) == []

    await run_unit(sessions, write)
    assert await things(dsn) == [1, 2, 3]


async def test_they_are_rolled_back_with_the_session(sessions: Sessions, dsn: str) -> None:
    async def write_and_fail(session: AsyncSession) -> None:
        await session.execute(sa.text("INSERT INTO things VALUES (1)"))
        await fetch(session, INSERT, 2)
        raise LookupError

    for _ in range(2):  # the connection goes back to the pool as it was
        with pytest.raises(LookupError):
            await run_unit(sessions, write_and_fail)
    assert await things(dsn) == []


async def test_an_error_of_the_first_statement_is_the_drivers(sessions: Sessions, dsn: str) -> None:
    await insert(sessions, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await insert(sessions, 1)
    assert await things(dsn) == [1]


async def test_a_session_that_begins_again_is_in_its_new_transaction(sessions: Sessions, dsn: str) -> None:
    async with sessions() as session:
        await fetch(session, INSERT, 1)
        await session.commit()
        await fetch(session, INSERT, 2)
        await session.rollback()
    assert await things(dsn) == [1]


@pytest.mark.parametrize("begun", [False, True], ids=["before it begins", "in the middle"])
async def test_a_connection_that_is_lost_is_a_failure_that_passes(
    sessions: Sessions, dsn: str, *, begun: bool
) -> None:
    async def lose_it(session: AsyncSession) -> None:
        connection = await session.connection()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        if begun:
            await fetch(session, INSERT, 1)
        await end_session(dsn, driver.get_server_pid())
        await fetch(session, INSERT, 2)

    with pytest.raises((*DRIVER_ERRORS, DBAPIError)) as caught:
        await run_unit(sessions, lose_it)
    assert is_passing_failure(caught.value)

    await insert(sessions, 3)
    assert await things(dsn) == [3]


async def test_a_connection_nobody_uses_is_closed_by_the_server_and_replaced(
    sessions: Sessions, dsn: str
) -> None:
    async def shorten(session: AsyncSession) -> int:
        ((usual,),) = await fetch(session, "SHOW idle_session_timeout")
        assert usual == "5min"
        await fetch(session, "SET idle_session_timeout = '50ms'")
        ((pid,),) = await fetch(session, "SELECT pg_backend_pid()")
        return int(pid)

    pid = await run_unit(sessions, shorten)
    watcher = await asyncpg.connect(dsn)
    await until_gone(watcher, pid)
    await watcher.close()

    await insert(sessions, 1)
    assert await things(dsn) == [1]
