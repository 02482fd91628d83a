"""Many rows in one statement: every column travels as one array.

The statement of a table and its columns is built once, so a batch costs the same whether it holds one row or
five hundred; only the arrays grow.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["Rows", "given_rows", "insert_rows", "parameters", "selected", "update_rows"]

Rows = Sequence[Mapping[str, Any]]

_PLACE = "place"
_encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=str).encode


@cache
def given_rows(table: sa.Table, names: tuple[str, ...]) -> sa.Subquery:
    """The columns `names` of rows that `parameters` gives, and `place`, their order from 1."""
    arrays = [sa.bindparam(_parameter(name), type_=sa.ARRAY(_travels_as(table.c[name]))) for name in names]
    raw = (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(name) for name in names), with_ordinality=_PLACE)
        .render_derived(name="arrays")
    )
    columns = [sa.type_coerce(raw.c[name], table.c[name].type).label(name) for name in names]
    for number, name in enumerate(names):
        if _is_json(table.c[name]):
            columns[number] = sa.cast(raw.c[name], JSONB).label(name)
    return sa.select(*columns, raw.c[_PLACE]).subquery("given")


def parameters(table: sa.Table, rows: Rows) -> dict[str, Any]:
    """The arrays of `rows`, every one of which has the keys of the first."""
    arrays: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if _is_json(table.c[name]):  # as text, for a list in an array would be a dimension of it
            values = [None if value is None else _encode(value).decode() for value in values]
        arrays[_parameter(name)] = values
    return arrays


@cache
def selected(table: sa.Table, names: tuple[str, ...]) -> "sa.Select[Any]":
    """The given rows, in their order."""
    source = given_rows(table, names)
    return sa.select(*(source.c[name] for name in names)).order_by(source.c[_PLACE])


async def insert_rows(session: AsyncSession, table: sa.Table, rows: Rows) -> None:
    """Insert `rows` in their order in one statement."""
    if rows:
        await session.execute(_insert(table, tuple(rows[0])), parameters(table, rows))


async def update_rows(session: AsyncSession, table: sa.Table, keys: tuple[str, ...], rows: Rows) -> None:
    """Set, in one statement, the columns named by the first row in the rows with the same `keys`."""
    if rows:
        await session.execute(_update(table, keys, tuple(rows[0])), parameters(table, rows))


@cache
def _insert(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    return sa.insert(table).from_select(names, selected(table, names))


@cache
def _update(table: sa.Table, keys: tuple[str, ...], names: tuple[str, ...]) -> sa.Update:
    source = given_rows(table, names)
    return (
        sa.update(table)
        .where(*(table.c[key] == source.c[key] for key in keys))
        .values({name: source.c[name] for name in names if name not in keys})
    )


def _parameter(name: str) -> str:
    return f"given_{name}"


def _travels_as(column: "sa.Column[Any]") -> "sa.types.TypeEngine[Any]":
    return sa.Text() if _is_json(column) else column.type


def _is_json(column: "sa.Column[Any]") -> bool:
    return isinstance(column.type, sa.JSON)
