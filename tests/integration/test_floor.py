"""The floor never rises above a row that is still to be published, however late it becomes visible."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared.floor import Floor
from tests.support.delivery import TABLES
from tests.support.infrastructure import PostgresServer

INSERT = """
    INSERT INTO outbox (event_id, topic, key, seq, type, headers)
    VALUES (gen_random_uuid(), 'complaint.events', 'k', 1, 't', '{}') RETURNING id
"""


class Outbox:
    """An outbox of its own, its floor, and the connection that looks."""

    def __init__(self, dsn: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.dsn = dsn
        self.connection = connection
        self.floor = Floor()

    async def look(self, times: int = 2) -> int:
        for _ in range(times):
            await self.floor.look(self.connection)
        return self.floor.id

    async def insert(self) -> int:
        return int(await self.connection.fetchval(INSERT))

    async def mark(self, *ids: int) -> None:
        await self.connection.execute("DELETE FROM outbox_unpublished WHERE id = ANY($1)", list(ids))

    @asynccontextmanager
    async def writer(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        other = await asyncpg.connect(self.dsn)
        try:
            yield other
        finally:
            await other.close()


@pytest.fixture
async def outbox(postgres: PostgresServer) -> AsyncIterator[Outbox]:
    dsn = postgres.create_database()
    connection = await asyncpg.connect(dsn)
    for statement in TABLES:
        await connection.execute(statement)
    yield Outbox(dsn, connection)
    await connection.close()


async def test_it_rises_to_just_below_the_first_unpublished_row(outbox: Outbox) -> None:
    ids = [await outbox.insert() for _ in range(5)]
    assert await outbox.look() == 0
    await outbox.mark(ids[0], ids[1], ids[3])
    assert await outbox.look() == ids[1]
    await outbox.mark(*ids)
    assert await outbox.look() == ids[4]


async def test_a_row_that_becomes_visible_late_is_still_above_it(outbox: Outbox) -> None:
    async with outbox.writer() as slow:
        transaction = slow.transaction()
        await transaction.start()
        late = int(await slow.fetchval(INSERT))
        await outbox.mark(await outbox.insert())
        assert await outbox.look(5) < late
        await transaction.commit()
        assert await outbox.look(5) < late
        await outbox.mark(late)
        assert await outbox.look() == late + 1


async def test_who_has_locked_the_table_but_taken_no_id_yet_is_waited_for(outbox: Outbox) -> None:
    await outbox.mark(await outbox.insert())
    async with outbox.writer() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("LOCK TABLE outbox IN ROW EXCLUSIVE MODE")
        before = await outbox.look(5)
        late = int(await slow.fetchval(INSERT))
        assert before < late
        await transaction.commit()
        assert await outbox.look(5) < late


async def test_ids_of_a_transaction_that_was_rolled_back_are_passed(outbox: Outbox) -> None:
    async with outbox.writer() as failing:
        transaction = failing.transaction()
        await transaction.start()
        gone = int(await failing.fetchval(INSERT))
        await transaction.rollback()
    kept = await outbox.insert()
    await outbox.mark(kept)
    assert gone < kept == await outbox.look()


async def test_an_outbox_without_a_row_has_no_floor(outbox: Outbox) -> None:
    assert await outbox.look(3) == 0
    assert await outbox.insert() > await outbox.look(3)
