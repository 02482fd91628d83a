"""Many rows in one statement, in one parameter per table.

They travel as one JSON array, which PostgreSQL unpacks with the table's own types: that costs the program a
fraction of an array per column, of which every element is looked at on its way. Where a composite type has
been made for them, they travel as an array of that, in binary: half of what the server needs to take a row in
is reading its JSON. Either way the statement is the same for one row and for five hundred.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import fetch

__all__ = ["Closing", "Columns", "Insertion", "Rows", "insert_all", "insertion", "packed", "update_rows"]

Rows = Sequence[Any]
"""Mappings, dataclasses or named tuples; what they hold beyond the columns written is left out."""


class Columns(NamedTuple):
    """The columns `names` of a table, as rows are written.

    `composite` is the type of the database in which the rows travel; its attributes are these columns, in
    this order. A type in use is never altered: another set of columns travels in another type, so that the
    program before and the program after a migration can work side by side.
    """

    table: sa.Table
    names: tuple[str, ...]
    composite: str | None = None


class Insertion(NamedTuple):
    """Rows to be inserted."""

    columns: Columns
    rows: Rows


class Closing(NamedTuple):
    """What a statement ends with: parts of its WITH, and the last; `values` are `$1`, `$2` ... of both."""

    named: str
    last: str
    values: tuple[Any, ...]


_NO_CLOSING = Closing("", "", ())
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=str).encode


def packed(rows: Rows, columns: Columns | None = None) -> object:
    """The rows as one parameter of a statement: JSON, unless the columns travel in a type of their own."""
    if columns is None or columns.composite is None or not rows:
        return _encode([_named(row) for row in rows]).decode()
    get = _getter(rows[0], columns.names)
    places = _json_places(columns)
    if not places:
        return [get(row) for row in rows]
    return [_with_json(get(row), places) for row in rows]


@cache
def insertion(columns: Columns, *, number: int = 1, where: str = "true") -> str:
    """An INSERT of the packed rows in parameter `number`, in their order; of `given` rows, those `where`."""
    table, names, _ = columns
    values = ", ".join(_value(columns, name) for name in names)
    return (
        f'INSERT INTO "{table.name}" ({_listed(names)}) '  # noqa: S608 - names of our own tables
        f"SELECT {values} FROM {_given(columns, number)} WHERE {where} ORDER BY place"
    )


async def insert_all(session: AsyncSession, *insertions: Insertion, closing: Closing | None = None) -> None:
    """Insert the rows of several tables in one statement, those of each in their order."""
    filled = [one for one in insertions if one.rows]
    if filled or closing:
        named, last, values = closing or _NO_CLOSING
        statement = _insertions(tuple(one.columns for one in filled), named, last, len(values))
        await fetch(session, statement, *values, *(packed(one.rows, one.columns) for one in filled))


async def update_rows(session: AsyncSession, columns: Columns, keys: tuple[str, ...], rows: Rows) -> None:
    """Set, in one statement, the columns in the rows with the same `keys`, which are among them."""
    if rows:
        await fetch(session, _update(columns, keys), packed(rows, columns))


@cache
def _insertions(parts: tuple[Columns, ...], named: str, last: str, taken: int) -> str:
    inserted = [insertion(columns, number=number) for number, columns in enumerate(parts, taken + 1)]
    last = last or inserted.pop()
    clauses = [f"part{number} AS ({one})" for number, one in enumerate(inserted)] + [named] * bool(named)
    return f"WITH {', '.join(clauses)} {last}" if clauses else last


@cache
def _update(columns: Columns, keys: tuple[str, ...]) -> str:
    table, names, _ = columns
    changes = ", ".join(f'"{name}" = {_value(columns, name)}' for name in names if name not in keys)
    same = " AND ".join(f'"{table.name}"."{key}" = given."{key}"' for key in keys)
    return (
        f'UPDATE "{table.name}" SET {changes} '  # noqa: S608 - names of our own tables
        f"FROM {_given(columns, 1)} WHERE {same}"
    )


def _given(columns: Columns, number: int) -> str:
    """A FROM item `given`: the columns of the packed rows in parameter `number`, and their `place`.

    In JSON a column of bytes is in base64: see `_value`.
    """
    table, names, composite = columns
    if composite is not None:
        rows = f"unnest(${number}::{composite}[])"
    else:
        types = ", ".join(f'"{name}" {_travels_as(table.c[name])}' for name in names)
        rows = f"ROWS FROM (json_to_recordset(CAST(${number}::text AS json)) AS ({types}))"
    return f"{rows} WITH ORDINALITY AS given ({_listed(names)}, place)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _value(columns: Columns, name: str) -> str:
    value = f'given."{name}"'
    if columns.composite is None and _is_bytes(columns.table.c[name]):
        return f"decode({value}, 'base64')"
    return value


def _travels_as(column: "sa.Column[Any]") -> str:
    return "text" if _is_bytes(column) else str(column.type.compile(dialect=_DIALECT))


def _is_bytes(column: "sa.Column[Any]") -> bool:
    return isinstance(column.type, sa.LargeBinary)


@cache
def _json_places(columns: Columns) -> tuple[int, ...]:
    """Where in a row there is JSON, which the driver takes as text."""
    types = (columns.table.c[name].type for name in columns.names)
    return tuple(place for place, kind in enumerate(types) if isinstance(kind, sa.JSON))


def _getter(row: Any, names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the columns out of rows like this one."""
    if isinstance(row, Mapping):
        return itemgetter(*names)
    if getattr(row, "_fields", None) == names:  # a named tuple that is just such a row
        return tuple
    return attrgetter(*names)


def _named(row: Any) -> Any:
    """A row of which JSON keeps the names."""
    asdict = getattr(row, "_asdict", None)
    return row if asdict is None else asdict()


def _with_json(row: tuple[Any, ...], places: tuple[int, ...]) -> tuple[Any, ...]:
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = _encode(values[place]).decode()
    return tuple(values)
