"""Many rows in one statement, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import create_engine, create_sessions
from shared.rows import Insertion, insert_all, update_rows
from tests.support.infrastructure import PostgresServer

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("n", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("body", JSONB),
    sa.Column("raw", sa.LargeBinary),
)


@pytest.fixture
async def session(postgres: PostgresServer) -> AsyncIterator[AsyncSession]:
    engine = create_engine(postgres.create_database())
    async with create_sessions(engine)() as found:
        await (await found.connection()).run_sync(things.create)
        yield found
    await engine.dispose()


def thing(number: int, **more: Any) -> dict[str, Any]:
    return {"id": UUID(int=number), "name": f"第{number}件", "body": [number], "raw": b"\x00"} | more


NAMES = ("id", "name", "body", "raw")


def insertion(*rows: dict[str, Any]) -> Insertion:
    return Insertion(things, NAMES, rows)


async def kept(session: AsyncSession) -> list[dict[str, Any]]:
    rows = await session.execute(sa.select(things).order_by(things.c.n))
    return [{name: row[name] for name in NAMES} for row in rows.mappings()]


async def test_rows_are_inserted_in_their_order_with_every_kind_of_value(session: AsyncSession) -> None:
    rows = [thing(3), thing(1, body={"unit": "水"}, raw=None), thing(2, name=None, body=None)]

    await insert_all(session, insertion(*rows))

    assert await kept(session) == rows


async def test_rows_are_updated_by_their_key(session: AsyncSession) -> None:
    await insert_all(session, insertion(thing(1), thing(2), thing(3)))

    await update_rows(
        session, things, ("id",), [{"id": UUID(int=3), "name": "三"}, {"id": UUID(int=1), "name": None}]
    )

    assert [row["name"] for row in await kept(session)] == [None, "第2件", "三"]


async def test_rows_of_several_tables_go_in_one_statement(session: AsyncSession) -> None:
    await insert_all(session, insertion(thing(1), thing(2)), insertion(), insertion(thing(3, raw=None)))

    assert {row["id"].int for row in await kept(session)} == {1, 2, 3}


async def test_no_rows_are_no_statement(session: AsyncSession) -> None:
    await insert_all(session, insertion(), insertion())
    await update_rows(session, things, ("id",), [])

    assert await kept(session) == []
