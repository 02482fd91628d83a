"""A toy service on a fresh database and topics of its own: one effect per event, to count and to order."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from sqlalchemy.ext.asyncio import AsyncSession

from deploy import topics
from shared.broker import create_broker, declare_subscriber
from shared.consume import Apply, Subscription
from shared.contracts.dispatch import AnswerContent, AssignmentAccepted, AssignmentAnswered
from shared.contracts.envelope import Event, Origin, Received, headers_of
from shared.contracts.intake import Channel, ComplaintContent, ComplaintRegistered
from shared.contracts.topics import TOPICS
from shared.database import Sessions, create_engine, create_sessions
from shared.delivery_schema import UPGRADE_V1, UPGRADE_V2, UPGRADE_V3, UPGRADE_V4, UPGRADE_V5
from shared.ids import uuid7
from shared.inlet import Inlet
from shared.metrics import Metrics

__all__ = ["NOW", "TABLES", "Toy", "accepted", "content", "headers", "registered", "toy"]

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
TABLES = (*UPGRADE_V1, *UPGRADE_V2, *UPGRADE_V3, *UPGRADE_V4, *UPGRADE_V5)
"""The statements that make the tables of the delivery layer."""

_EFFECTS = """
    CREATE TABLE effects (
        n BIGINT GENERATED ALWAYS AS IDENTITY, topic TEXT, key TEXT, seq BIGINT, UNIQUE (topic, key, seq)
    )
"""


def registered(complaint_id: UUID, number: str = "HY-2611-000001-K") -> ComplaintRegistered:
    return ComplaintRegistered(
        complaint_id=complaint_id, number=number, channel=Channel.API, registered_at=NOW
    )


def content(complaint_id: UUID) -> ComplaintContent:
    return ComplaintContent(complaint_id=complaint_id, text="三号楼电梯坏了")


def accepted(complaint_id: UUID) -> AssignmentAccepted:
    return AssignmentAccepted(complaint_id=complaint_id, unit="repair", at=NOW)


def headers(event: Event, seq: int) -> list[tuple[str, bytes]]:
    """The headers of a well-formed record."""
    made = headers_of(
        event,
        event_id=uuid7(),
        source="test",
        occurred_at=NOW,
        seq=seq,
        origin=Origin.LIVE,
        causation=None,
    )
    return [(name, value.encode()) for name, value in made.items()]


@dataclass
class Toy:
    """The parts of the toy service a test may reach into."""

    dsn: str
    bootstrap: str
    prefix: str
    sessions: Sessions
    inlet: Inlet

    async def rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def effects(self) -> list[tuple[Any, ...]]:
        return await self.rows("SELECT topic, key, seq FROM effects ORDER BY n")

    async def count(self, table: str) -> int:
        return int((await self.rows(f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608 - our own names

    async def produce(self, records: Sequence[tuple[str, Any, Any, Any]]) -> None:
        """Send (topic, key, value, headers) in order, one after another."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            for topic, key, value, record_headers in records:
                await producer.send_and_wait(self.prefix + topic, value, key=key, headers=record_headers)

    async def send(self, events: Sequence[tuple[Event, int]]) -> None:
        """Send well-formed events with their sequence numbers."""
        await self.produce(
            [(one.topic, one.key.encode(), one.to_json(), headers(one, seq)) for one, seq in events]
        )

    async def read_topic(self, topic: str, count: int) -> list[Any]:
        """The first `count` records of a topic from offset 0."""
        consumer = AIOKafkaConsumer(
            self.prefix + topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        async with consumer:
            return [await consumer.getone() for _ in range(count)]

    async def committed(self, topic: str) -> int:
        """Sum of the group's committed offsets on a topic."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(f"{self.prefix}toy")
        except GroupCoordinatorNotAvailableError:  # a new broker has none at first
            return 0
        finally:
            await admin.close()
        return sum(
            each.offset for partition, each in offsets.items() if partition.topic == self.prefix + topic
        )

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """Consume with the real broker wrapper for the length of the block."""
        broker = create_broker(self.bootstrap, name="toy")
        declare_subscriber(broker, self.inlet, group="toy", instance=None)
        await broker.start()
        tasks = [
            asyncio.create_task(work)
            for work in (self.inlet.sweep_forever(), self.inlet.acknowledge_forever())
        ]
        try:
            yield
        finally:
            await broker.stop()
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def toy(
    bootstrap: str, dsn: str, *, partitions: int = 3, judge: Callable[[Received[Any]], None] | None = None
) -> AsyncIterator[Toy]:
    """A toy service that needs content before a registration, and a registration before an assignment."""
    prefix = f"t{uuid.uuid4().hex[:10]}."
    await topics.apply(
        bootstrap,
        topics=[
            replace(topic, name=prefix + name, partitions=min(topic.partitions, partitions))
            for name, topic in TOPICS.items()
        ],
    )
    connection = await asyncpg.connect(dsn)
    for statement in (*TABLES, _EFFECTS):
        await connection.execute(statement)
    await connection.close()

    async def apply(session: AsyncSession, events: Sequence[Received[Any]]) -> None:
        for event in events:
            if judge is not None:
                judge(event)
        await session.execute(
            sa.text("INSERT INTO effects (topic, key, seq) VALUES (:topic, :key, :seq)"),
            [{"topic": one.topic, "key": one.key, "seq": one.seq} for one in events],
        )

    def after(topic: str) -> Apply:
        async def apply_the_rest(session: AsyncSession, events: Sequence[Received[Any]]) -> Collection[str]:
            keys = {event.key for event in events}
            rows = await session.execute(
                sa.text("SELECT DISTINCT key FROM effects WHERE topic = :topic AND key = ANY(:keys)"),
                {"topic": topic, "keys": list(keys)},
            )
            unmet = keys - {key for (key,) in rows}
            if met := [event for event in events if event.key not in unmet]:
                await apply(session, met)
            return unmet

        return apply_the_rest

    engine = create_engine(dsn, pool_size=5)
    subscriptions = [
        Subscription("complaint.content", frozenset({ComplaintContent}), apply),
        Subscription("complaint.events", frozenset({ComplaintRegistered}), after("complaint.content")),
        Subscription("answer.content", frozenset({AnswerContent}), apply),
        Subscription(
            "assignment.events",
            frozenset({AssignmentAccepted, AssignmentAnswered}),
            after("complaint.events"),
        ),
    ]
    sessions = create_sessions(engine)
    inlet = Inlet("toy", sessions, subscriptions, Metrics(), prefix)
    try:
        yield Toy(dsn, bootstrap, prefix, sessions, inlet)
    finally:
        with suppress(OSError):
            await engine.dispose()
