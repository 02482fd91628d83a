"""Statements that read the task queue and the feed of units. Pages go by key, never by offset."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Fetcher

__all__ = [
    "COUNT_LIMIT",
    "OPEN_STATES",
    "Change",
    "QueueKey",
    "Task",
    "count_tasks",
    "find_tasks",
    "get_positions",
    "list_answered",
    "list_changes",
    "list_open",
]

OPEN_STATES: Final = ("assigned", "accepted", "arrived", "completed", "answered")
COUNT_LIMIT: Final = 1000
"""Counting stops here: a badge needs no more, and the page stays as fast as an empty one."""

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_NO_CASE = UUID(int=0)

_TASK_COLUMNS = """
    c.complaint_id, c.number, c.origin, c.unit, c.category, c.urgency, c.state, c.open, c.registered_at,
    c.next_clock, c.next_due_at, coalesce(k.subject, '') AS subject, coalesce(k.text, '') AS text,
    coalesce(k.location, '') AS location,
    (SELECT json_object_agg(kind, due_at) FROM deadlines d
     WHERE d.complaint_id = c.complaint_id AND live AND level = 0 AND met_at IS NULL)::text AS running
"""
_CONTENT = "LEFT JOIN complaint_contents k USING (complaint_id)"


@dataclass(frozen=True, slots=True)
class Task:
    """A case as a list shows it; `running` are its clocks that were not stopped yet, with their due times."""

    complaint_id: UUID
    number: str
    origin: str
    unit: str
    category: str | None
    urgency: str
    state: str
    open: bool
    registered_at: datetime
    next_clock: str | None
    next_due_at: datetime | None
    subject: str
    text: str
    location: str
    running: dict[str, datetime]


_CLOCKS = msgspec.json.Decoder(dict[str, datetime])


@dataclass(frozen=True, slots=True)
class QueueKey:
    """Where a page of a queue ended: the time it is ordered by (None: no clock runs) and the case."""

    at: datetime | None
    complaint_id: UUID


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a unit's feed, with the case as it is now."""

    unit: str
    position: int
    at: datetime
    task: Task


_RUNNING = sa.text(
    f"""
    SELECT {_TASK_COLUMNS} FROM (
        SELECT one.* FROM unnest(CAST(:units AS text[])) AS u (unit)
        CROSS JOIN unnest(CAST(:states AS text[])) AS s (state)
        CROSS JOIN LATERAL (
            SELECT * FROM cases
            WHERE open AND cases.unit = u.unit AND cases.state = s.state
              AND (next_due_at, complaint_id) > (:at, :complaint_id) AND next_due_at < :until
            ORDER BY next_due_at, complaint_id LIMIT :limit
        ) one
        ORDER BY one.next_due_at, one.complaint_id LIMIT :limit
    ) c {_CONTENT} ORDER BY c.next_due_at, c.complaint_id
    """  # noqa: S608 - constant parts
)
_TIMELESS = sa.text(
    f"""
    SELECT {_TASK_COLUMNS} FROM (
        SELECT one.* FROM unnest(CAST(:units AS text[])) AS u (unit)
        CROSS JOIN unnest(CAST(:states AS text[])) AS s (state)
        CROSS JOIN LATERAL (
            SELECT * FROM cases
            WHERE open AND cases.unit = u.unit AND cases.state = s.state
              AND next_due_at IS NULL AND complaint_id > :complaint_id
            ORDER BY complaint_id LIMIT :limit
        ) one
        ORDER BY one.complaint_id LIMIT :limit
    ) c {_CONTENT} ORDER BY c.complaint_id
    """  # noqa: S608 - constant parts
)
_ANSWERED = sa.text(
    f"""
    SELECT {_TASK_COLUMNS} FROM (
        SELECT one.* FROM unnest(CAST(:units AS text[])) AS u (unit)
        CROSS JOIN LATERAL (
            SELECT * FROM cases
            WHERE NOT open AND cases.unit = u.unit AND (registered_at, complaint_id) < (:at, :complaint_id)
            ORDER BY registered_at DESC, complaint_id DESC LIMIT :limit
        ) one
        ORDER BY one.registered_at DESC, one.complaint_id DESC LIMIT :limit
    ) c {_CONTENT} ORDER BY c.registered_at DESC, c.complaint_id DESC
    """  # noqa: S608 - constant parts
)
# The order is what makes the planner take the index, also for a state that few cases are in.
_COUNTS = sa.text(
    f"""
    WITH u AS (SELECT unnest(CAST(:units AS text[])) AS unit),
         s AS (SELECT unnest(CAST(:states AS text[])) AS state)
    SELECT s.state AS code, count(*) AS number FROM u CROSS JOIN s CROSS JOIN LATERAL (
        SELECT FROM cases WHERE open AND cases.unit = u.unit AND cases.state = s.state
        ORDER BY next_due_at LIMIT {COUNT_LIMIT}
    ) one GROUP BY s.state
    UNION ALL
    SELECT 'overdue', count(*) FROM u CROSS JOIN s CROSS JOIN LATERAL (
        SELECT FROM cases
        WHERE open AND cases.unit = u.unit AND cases.state = s.state AND next_due_at < :now
        ORDER BY next_due_at LIMIT {COUNT_LIMIT}
    ) one
    UNION ALL
    SELECT 'done', count(*) FROM u CROSS JOIN LATERAL (
        SELECT FROM cases WHERE NOT open AND cases.unit = u.unit ORDER BY registered_at LIMIT {COUNT_LIMIT}
    ) one
    """  # noqa: S608 - constant parts
)
_FIND = sa.text(
    f"SELECT {_TASK_COLUMNS} FROM cases c {_CONTENT} WHERE complaint_id = ANY(:ids)"  # noqa: S608
)
_CHANGES = f"""
    SELECT e.unit, e.position, e.at, {_TASK_COLUMNS}
    FROM unnest($1::text[], $2::bigint[]) AS h (unit, after)
    CROSS JOIN LATERAL (
        SELECT * FROM feed_entries f WHERE f.unit = h.unit AND f.position > h.after
        ORDER BY f.position LIMIT $3
    ) e
    JOIN cases c ON c.complaint_id = e.complaint_id
    LEFT JOIN complaint_contents k ON k.complaint_id = c.complaint_id
    ORDER BY e.unit, e.position
"""  # noqa: S608 - constant parts
_POSITIONS = sa.text("SELECT unit, last_position FROM feed_counters WHERE unit = ANY(:units)")


async def list_open(
    session: AsyncSession,
    units: Collection[str],
    states: Collection[str],
    *,
    after: QueueKey | None,
    limit: int,
    due_before: datetime | None = None,
) -> list[Task]:
    """Open cases by time left, those without a running clock last, from behind `after` on."""
    values: dict[str, Any] = {"units": list(units), "states": list(states), "limit": limit}
    found: list[Task] = []
    if after is None or after.at is not None:
        since = {"at": _FIRST, "complaint_id": _NO_CASE}
        if after is not None:
            since = {"at": after.at, "complaint_id": after.complaint_id}
        rows = await session.execute(_RUNNING, values | since | {"until": due_before or _LAST})
        found = [_task(row) for row in rows]
        after = None
    if due_before is None and len(found) < limit:
        behind = _NO_CASE if after is None else after.complaint_id
        rows = await session.execute(
            _TIMELESS, values | {"complaint_id": behind, "limit": limit - len(found)}
        )
        found += [_task(row) for row in rows]
    return found


async def list_answered(
    session: AsyncSession, units: Collection[str], *, after: QueueKey | None, limit: int
) -> list[Task]:
    """Cases that nobody owes anything any more, those registered last first, from behind `after` on."""
    since = {"at": _LAST, "complaint_id": _NO_CASE}
    if after is not None and after.at is not None:
        since = {"at": after.at, "complaint_id": after.complaint_id}
    rows = await session.execute(_ANSWERED, {"units": list(units), "limit": limit} | since)
    return [_task(row) for row in rows]


async def count_tasks(session: AsyncSession, units: Collection[str], now: datetime) -> dict[str, int]:
    """How many open cases are in each state and `overdue`, and how many are `done`.

    Each at most COUNT_LIMIT per unit and state: a number from there on means "or more".
    """
    values = {"units": list(units), "states": list(OPEN_STATES), "now": now}
    none = dict.fromkeys((*OPEN_STATES, "overdue", "done"), 0)
    return none | {row.code: row.number for row in await session.execute(_COUNTS, values)}


async def find_tasks(session: AsyncSession, complaint_ids: Collection[UUID]) -> dict[UUID, Task]:
    """These cases as a list shows them, by complaint."""
    rows = await session.execute(_FIND, {"ids": list(complaint_ids)})
    return {row.complaint_id: _task(row) for row in rows}


async def get_positions(session: AsyncSession, units: Collection[str]) -> dict[str, int]:
    """The last position of each unit's feed, 0 where nothing ever changed."""
    rows = await session.execute(_POSITIONS, {"units": list(units)})
    return dict.fromkeys(units, 0) | {row.unit: row.last_position for row in rows}


async def list_changes(fetcher: Fetcher, after: Mapping[str, int], limit: int) -> Sequence[Change]:
    """At most `limit` entries of each unit's feed behind the given positions, in the feed's order."""
    rows = await fetcher.fetch(_CHANGES, list(after), list(after.values()), limit)
    return [Change(unit, position, at, _task(task)) for unit, position, at, *task in rows]


def _task(row: Sequence[Any]) -> Task:
    """A task from the values of `_TASK_COLUMNS`."""
    values = list(row)
    values[-1] = _CLOCKS.decode(values[-1] or "{}")
    return Task(*values)
