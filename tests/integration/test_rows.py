"""Many rows in one statement, on a real PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import create_engine, create_sessions
from shared.rows import Closing, Columns, Insertion, insert_all, update_rows
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


GIVEN = "CREATE TYPE things_given AS (id uuid, name text, body jsonb, raw bytea)"


@pytest.fixture
async def session(postgres: PostgresServer) -> AsyncIterator[AsyncSession]:
    engine = create_engine(postgres.create_database())
    async with create_sessions(engine)() as found:
        connection = await found.connection()
        await connection.run_sync(things.create)
        await connection.execute(sa.text(GIVEN))
        yield found
    await engine.dispose()


def thing(number: int, **more: Any) -> dict[str, Any]:
    return {"id": UUID(int=number), "name": f"第{number}件", "body": [number], "raw": b"\x00"} | more


NAMES = ("id", "name", "body", "raw")


IN_JSON = Columns(things, NAMES)
IN_TYPE = Columns(things, NAMES, composite="things_given")
both_ways = pytest.mark.parametrize("columns", [IN_JSON, IN_TYPE], ids=["json", "composite"])


@dataclass
class Thing:
    """A thing as plain values, with one that is not written."""

    name: str | None
    raw: bytes | None
    id: UUID
    body: object
    weight: int = 0


class Row(NamedTuple):
    """A thing that is just its row."""

    id: UUID
    name: str | None
    body: object
    raw: bytes | None


class LongRow(NamedTuple):
    """A thing with one value that is not written, in an order of its own."""

    raw: bytes | None
    weight: int = 0
    id: UUID = UUID(int=0)
    name: str | None = None
    body: object = None


async def kept(session: AsyncSession) -> list[dict[str, Any]]:
    rows = await session.execute(sa.select(things).order_by(things.c.n))
    return [{name: row[name] for name in NAMES} for row in rows.mappings()]


@both_ways
async def test_rows_are_inserted_in_their_order_with_every_kind_of_value(
    session: AsyncSession, columns: Columns
) -> None:
    rows = [thing(3), thing(1, body={"unit": "水"}, raw=None), thing(2, name=None, body=None)]

    await insert_all(session, Insertion(columns, rows))

    assert await kept(session) == rows


@both_ways
@pytest.mark.parametrize("kind", [Thing, Row, LongRow])
async def test_dataclasses_and_named_tuples_are_rows_too(
    session: AsyncSession, columns: Columns, kind: Callable[..., Any]
) -> None:
    row = thing(7, body=["水", "电"])

    await insert_all(session, Insertion(columns, [kind(**row)]))

    assert await kept(session) == [row]


@both_ways
async def test_rows_are_updated_by_their_key(session: AsyncSession, columns: Columns) -> None:
    await insert_all(session, Insertion(IN_JSON, [thing(1), thing(2), thing(3)]))
    changed = [thing(3, name="三", body={"unit": "水"}), thing(1, name=None, raw=None)]

    await update_rows(session, columns, ("id",), changed)

    assert await kept(session) == [changed[1], thing(2), changed[0]]


async def test_only_the_columns_named_are_updated(session: AsyncSession) -> None:
    await insert_all(session, Insertion(IN_JSON, [thing(1)]))

    await update_rows(session, Columns(things, ("id", "name")), ("id",), [thing(1, name="一", raw=None)])

    assert await kept(session) == [thing(1, name="一")]


async def test_rows_of_several_tables_go_in_one_statement(session: AsyncSession) -> None:
    await insert_all(
        session,
        Insertion(IN_JSON, [thing(1), thing(2)]),
        Insertion(IN_TYPE, []),
        Insertion(IN_TYPE, [thing(3, raw=None)]),
    )

    assert {row["id"].int for row in await kept(session)} == {1, 2, 3}


async def test_no_rows_are_no_statement(session: AsyncSession) -> None:
    await insert_all(session, Insertion(IN_JSON, []), Insertion(IN_TYPE, []))
    await update_rows(session, IN_JSON, ("id",), [])

    assert await kept(session) == []


async def test_a_statement_may_close_with_another_one(session: AsyncSession) -> None:
    closing = Closing(
        "given_last AS (SELECT unnest($1::uuid[]) AS id)",
        "INSERT INTO things (id, name) SELECT id, $2::text FROM given_last",
        ([UUID(int=9)], "最后"),
    )

    await insert_all(session, Insertion(IN_TYPE, [thing(1)]), Insertion(IN_JSON, [thing(2)]), closing=closing)
    await insert_all(session, closing=closing)

    assert sorted((row["id"].int, row["name"]) for row in await kept(session)) == [
        *((1, "第1件"), (2, "第2件")),
        *((9, "最后"), (9, "最后")),
    ]
