"""Many rows in one statement: they travel as one JSON array.

PostgreSQL unpacks it with the table's own types. That costs the program a fraction of an array per column, of
which every element is looked at on its way; and the statement is the same for one row and for five hundred.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import fetch

__all__ = ["Insertion", "Rows", "insert_all", "insertion", "packed", "update_rows"]

Rows = Sequence[Any]
"""Mappings or dataclasses; what they hold beyond the columns that are written is left out."""


class Insertion(NamedTuple):
    """Rows to be inserted into the columns `names` of a table."""

    table: sa.Table
    names: tuple[str, ...]
    rows: Rows


_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=str).encode


def packed(rows: Rows) -> str:
    """The rows as one parameter of `insertion`."""
    return _encode(rows).decode()


@cache
def insertion(table: sa.Table, names: tuple[str, ...], *, number: int = 1, where: str = "true") -> str:
    """An INSERT of the packed rows in parameter `number`, in their order; of `given` rows, those `where`."""
    values = ", ".join(_value(table.c[name]) for name in names)
    return (
        f'INSERT INTO "{table.name}" ({_listed(names)}) '  # noqa: S608 - names of our own tables
        f"SELECT {values} FROM {_given(table, names, number)} WHERE {where} ORDER BY place"
    )


async def insert_all(session: AsyncSession, *insertions: Insertion) -> None:
    """Insert the rows of several tables in one statement, those of each in their order."""
    filled = [one for one in insertions if one.rows]
    if filled:
        statement = _insertions(tuple((one.table, one.names) for one in filled))
        await fetch(session, statement, *(packed(one.rows) for one in filled))


async def update_rows(
    session: AsyncSession,
    table: sa.Table,
    keys: tuple[str, ...],
    rows: Rows,
    names: tuple[str, ...] | None = None,
) -> None:
    """Set, in one statement, the columns `names` in the rows with the same `keys`."""
    if rows:
        await fetch(session, _update(table, keys, names or tuple(rows[0])), packed(rows))


@cache
def _insertions(parts: tuple[tuple[sa.Table, tuple[str, ...]], ...]) -> str:
    first, *others = (
        insertion(table, names, number=number) for number, (table, names) in enumerate(parts, 1)
    )
    named = ", ".join(f"part{number} AS ({one})" for number, one in enumerate(others))
    return f"WITH {named} {first}" if others else first


@cache
def _update(table: sa.Table, keys: tuple[str, ...], names: tuple[str, ...]) -> str:
    changes = ", ".join(f'"{name}" = {_value(table.c[name])}' for name in names if name not in keys)
    same = " AND ".join(f'"{table.name}"."{key}" = given."{key}"' for key in keys)
    return (
        f'UPDATE "{table.name}" SET {changes} '  # noqa: S608 - names of our own tables
        f"FROM {_given(table, tuple(dict.fromkeys((*keys, *names))), 1)} WHERE {same}"
    )


def _given(table: sa.Table, names: tuple[str, ...], number: int) -> str:
    """A FROM item `given`: the columns `names` of the packed rows in parameter `number`, and their `place`.

    A column of bytes is still in base64: see `_value`.
    """
    columns = ", ".join(f'"{name}" {_travels_as(table.c[name])}' for name in names)
    return (
        f"ROWS FROM (json_to_recordset(CAST(${number}::text AS json)) AS ({columns})) "
        f"WITH ORDINALITY AS given ({_listed(names)}, place)"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _value(column: "sa.Column[Any]") -> str:
    name = f'given."{column.name}"'
    return f"decode({name}, 'base64')" if _is_bytes(column) else name


def _travels_as(column: "sa.Column[Any]") -> str:
    return "text" if _is_bytes(column) else str(column.type.compile(dialect=_DIALECT))


def _is_bytes(column: "sa.Column[Any]") -> bool:
    return isinstance(column.type, sa.LargeBinary)
