"""Many rows in one statement: a list of mappings as unnested arrays."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["insert_rows", "unnested", "update_rows"]

Rows = Sequence[Mapping[str, Any]]


def unnested(table: sa.Table, names: Sequence[str], rows: Rows) -> sa.Subquery:
    """Return `rows` as a subquery with the columns `names` of `table`, and `ord` from 1 in their order."""
    arrays = [_array(table.c[name], [row[name] for row in rows]).label(name) for name in names]
    order = sa.func.generate_series(1, len(rows)).label("ord")
    return sa.select(*arrays, order).subquery()


def _array(column: sa.Column[Any], values: list[Any]) -> sa.ColumnElement[Any]:
    """Unnest one column; JSON travels as text, for a list in an array would be a dimension of it."""
    if isinstance(column.type, sa.JSON):
        texts = [json.dumps(value, ensure_ascii=False) for value in values]
        return sa.cast(sa.func.unnest(sa.cast(texts, sa.ARRAY(sa.Text))), JSONB)
    return sa.func.unnest(sa.cast(values, sa.ARRAY(column.type)))


async def insert_rows(session: AsyncSession, table: sa.Table, rows: Rows) -> None:
    """Insert `rows` in their order in one statement; every one has the keys of the first."""
    if rows:
        names = list(rows[0])
        source = unnested(table, names, rows)
        chosen = sa.select(*(source.c[name] for name in names)).order_by(source.c.ord)
        await session.execute(sa.insert(table).from_select(names, chosen))


async def update_rows(session: AsyncSession, table: sa.Table, keys: Sequence[str], rows: Rows) -> None:
    """Set, in one statement, the columns named by the first row in the rows with the same `keys`."""
    if rows:
        names = list(rows[0])
        source = unnested(table, names, rows)
        await session.execute(
            sa.update(table)
            .where(*(table.c[key] == source.c[key] for key in keys))
            .values({name: source.c[name] for name in names if name not in keys})
        )
