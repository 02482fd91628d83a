"""Reading the four databases, in read-only transactions that each see one instant."""

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from deploy.auditor.facts import DeadLetter, Delivery, OutboxRow

__all__ = ["Database"]


_PREFETCH = 5_000
_OUTBOX = """
    SELECT event_id::text, topic, key, seq, type, sha256(coalesce(body, '')) AS digest,
           extract(epoch FROM now() - created_at)::float8 AS age,
           unpublished.id IS NULL AS published,
           unpublished.id IS NULL AND outbox.id < coalesce(
               (SELECT min(first_id) FROM outbox_publications WHERE published_at >= $1), outbox.id + 1
           ) AS settled
    FROM outbox LEFT JOIN outbox_unpublished AS unpublished USING (id)
"""
_INBOX = "SELECT topic, key, last_seq FROM inbox"
_PENDING = """
    SELECT topic, key, seq, extract(epoch FROM now() - received_at)::float8 AS age FROM pending_events
"""
_DEAD = """
    SELECT id::text, topic, kafka_partition, kafka_offset, key, seq, settled_at IS NULL AS open
    FROM dead_letters
"""
_UNPUBLISHED = "SELECT count(*) FROM outbox_unpublished"
_UNNOTICED = """
    SELECT count(*) FROM deadlines
    WHERE live AND fired_at IS NULL AND met_at IS NULL AND due_at < now() - interval '5 seconds'
"""
_WAITING = "SELECT count(*) FROM pending_events WHERE received_at > now() - make_interval(secs => $1)"


class Database:
    """The database of one service. One connection at a time, never a write."""

    def __init__(self, service: str, address: str) -> None:
        self.service = service
        self._address = address

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """A connection whose statements all see the same instant."""
        connection = await asyncpg.connect(self._address, timeout=10)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield connection
        finally:
            await connection.close()

    async def instant(self) -> datetime:
        """The database's own time."""
        async with self.reading() as connection:
            moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
            return moment

    async def outbox(self, settled_before: datetime) -> dict[str, OutboxRow]:
        """The outbox by event id; rows published before that instant of this database are settled.

        Of those, one above the least id published since then counts as not settled yet.
        """
        async with self.reading() as connection:
            rows = connection.cursor(_OUTBOX, settled_before, prefetch=_PREFETCH)
            return {row[0]: OutboxRow(self.service, *row) async for row in rows}

    async def moving(self, waiting_limit: float) -> dict[str, int]:
        """Count what is under way.

        Unpublished rows, events that have waited less than the limit (seconds), and in dispatch the deadlines
        that ran out and were not noticed yet.
        """
        counted: dict[str, tuple[Any, ...]] = {
            "unpublished": (_UNPUBLISHED,),
            "waiting": (_WAITING, waiting_limit),
        }
        if self.service == "dispatch":
            counted["unnoticed_deadlines"] = (_UNNOTICED,)
        async with self.reading() as connection:
            return {name: int(await connection.fetchval(*query)) for name, query in counted.items()}

    @staticmethod
    async def delivery(connection: "asyncpg.Connection[Any]") -> Delivery:
        """Inbox, waiting events and dead letters of the service."""
        rows = connection.cursor(_INBOX, prefetch=_PREFETCH)
        inbox = {(sys.intern(topic), sys.intern(key)): last async for topic, key, last in rows}
        pending: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
        for topic, key, seq, age in await connection.fetch(_PENDING):
            pending[topic, key][seq] = age
        dead: Mapping[tuple[str, int, int], DeadLetter] = {
            (row["topic"], row["kafka_partition"], row["kafka_offset"]): DeadLetter(
                row["id"], row["key"], row["seq"], row["open"]
            )
            for row in await connection.fetch(_DEAD)
        }
        return Delivery(inbox, dict(pending), dead)
