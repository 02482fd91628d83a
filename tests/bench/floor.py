"""The floor: what PostgreSQL and Kafka alone cost for one registered and published complaint.

Group-committed insert of the complaint and its outbox row, an idempotent produce, the mark. No HTTP, no
rules, no consumer. Rows are handed from the commit to the producer in memory, which no relay that survives a
crash can do; so it is a limit and not a design.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.ids import uuid7
from tests.bench.payloads import body_of

__all__ = ["CALLERS", "Floor", "insert_limit"]

CALLERS = 256  # it rises little beyond
FLUSHERS = 2
BATCH = 200

TABLES = """
    CREATE TABLE IF NOT EXISTS floor_complaints (id uuid PRIMARY KEY, body text NOT NULL);
    CREATE TABLE IF NOT EXISTS floor_outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key uuid NOT NULL, body text NOT NULL,
        published_at timestamptz
    );
    TRUNCATE floor_complaints, floor_outbox;
"""
INSERT = """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS rows (id, body, place)
    ), kept AS (INSERT INTO floor_complaints (id, body) SELECT id, body FROM given)
    INSERT INTO floor_outbox (key, body) SELECT id, body FROM given ORDER BY place RETURNING id
"""
MARK = "UPDATE floor_outbox SET published_at = now() WHERE id = ANY($1::bigint[])"

Row = tuple[UUID, str]


@dataclass
class Floor:
    """One run over a database and a topic of its own."""

    dsn: str
    bootstrap: str
    topic: str
    waiting: "deque[tuple[Row, asyncio.Future[None]]]" = field(default_factory=deque)
    committed: deque[tuple[int, Row]] = field(default_factory=deque)
    flushing: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    flushes: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def run(self, count: int) -> float:
        """Register, publish and mark `count` rows; rows per second."""
        pool = await asyncpg.create_pool(self.dsn, min_size=FLUSHERS + 1, max_size=FLUSHERS + 1)
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, enable_idempotence=True, acks="all", max_batch_size=256 * 1024
        ) as producer:
            await pool.execute(TABLES)
            rows = iter([(uuid7(), body_of(number).decode()) for number in range(count)])
            started = time.perf_counter()
            publishing = asyncio.create_task(self._publish(pool, producer, count))
            await asyncio.gather(*(self._call(pool, rows) for _ in range(CALLERS)))
            await publishing
            elapsed = time.perf_counter() - started
            marked = await pool.fetchval("SELECT count(*) FROM floor_outbox WHERE published_at IS NOT NULL")
        await pool.close()
        if marked != count:
            raise AssertionError(f"{marked} of {count} rows were marked")
        return count / elapsed

    async def _call(self, pool: "asyncpg.Pool[asyncpg.Record]", rows: Iterator[Row]) -> None:
        loop = asyncio.get_running_loop()
        for row in rows:
            outcome: asyncio.Future[None] = loop.create_future()
            self.waiting.append((row, outcome))
            if self.flushing < FLUSHERS:
                self.flushing += 1
                task = asyncio.create_task(self._flush(pool))
                self.flushes.add(task)
                task.add_done_callback(self.flushes.discard)
            await outcome

    async def _flush(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        while self.waiting:
            batch = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
            rows = [row for row, _ in batch]
            ids = await pool.fetch(INSERT, [row[0] for row in rows], [row[1] for row in rows])
            self.committed.extend((found["id"], row) for found, row in zip(ids, rows, strict=True))
            self.wake.set()
            for _, outcome in batch:
                outcome.set_result(None)
        self.flushing -= 1

    async def _publish(
        self, pool: "asyncpg.Pool[asyncpg.Record]", producer: AIOKafkaProducer, count: int
    ) -> None:
        while count:
            await self.wake.wait()
            self.wake.clear()
            rows = list(self.committed)
            self.committed.clear()
            sent = [
                await producer.send(self.topic, body.encode(), key=str(key).encode())
                for _, (key, body) in rows
            ]
            await asyncio.gather(*sent)
            await pool.execute(MARK, [found for found, _ in rows])
            count -= len(rows)


async def insert_limit(dsn: str, count: int) -> float:
    """Rows per second of a plain loop: 100 rows a transaction, one `unnest` statement each."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLES)
    rows = [(uuid7(), body_of(number).decode()) for number in range(count)]
    started = time.perf_counter()
    for first in range(0, count, 100):
        batch = rows[first : first + 100]
        await connection.execute(INSERT, [row[0] for row in batch], [row[1] for row in batch])
    elapsed = time.perf_counter() - started
    await connection.close()
    return count / elapsed
