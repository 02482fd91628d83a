"""Dispatch as it runs: records from Kafka in, events to Kafka out, two replicas, one scheduler."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts.envelope import Event
from tests.support.dispatch import complaint, minutes_ago, record_of, rule_book_state
from tests.support.infrastructure import PostgresServer
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

LIMIT = 60


@asynccontextmanager
async def dispatch(kafka: str, postgres: PostgresServer, replicas: int = 1) -> AsyncIterator[System]:
    """Replicas of dispatch on one database, with rule book 1."""
    system = await prepared_system(kafka, postgres, ["dispatch"])
    await produce(system, [rule_book_state()])
    async with AsyncExitStack() as stack:
        for number in range(replicas):
            service = await system.start("dispatch", instance=f"dispatch-{number}", scheduler_seconds=0.05)
            stack.push_async_callback(service.stop)
        yield system


async def produce(system: System, events: Sequence[Event]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=system.bootstrap) as producer:
        for event in events:
            raw = record_of(event).raw
            headers = [(name, value.encode()) for name, value in raw.headers.items()]
            await producer.send_and_wait(system.prefix + raw.topic, raw.value, key=raw.key, headers=headers)


async def read(system: System, topic: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(
        system.prefix + topic, bootstrap_servers=system.bootstrap, auto_offset_reset="earliest"
    )
    async with consumer:
        return [await asyncio.wait_for(consumer.getone(), LIMIT) for _ in range(count)]


def header(record: Any, name: str) -> str:
    return str(next(value.decode() for key, value in record.headers if key == name))


async def test_a_registration_on_kafka_becomes_an_assignment_on_kafka(
    kafka: str, postgres: PostgresServer
) -> None:
    async with dispatch(kafka, postgres) as system:
        content, registered = complaint(minutes_ago(1))
        given = record_of(registered).raw
        await produce(system, [registered])
        await eventually(lambda: waits(system), timeout=LIMIT)
        await produce(system, [content, registered])

        (record,) = await read(system, "assignment.events", 1)
        assert record.key.decode() == str(registered.complaint_id)
        assert header(record, "ce_type") == "assignment.assigned.v1"
        assert (header(record, "ce_seq"), header(record, "ce_origin")) == ("1", "live")
        assert header(record, "ce_causation")
        assert given.key == record.key
        for value in (content.text, content.complainant_name, content.complainant_phone, content.location):
            assert value not in record.value.decode()


async def waits(system: System) -> bool:
    return bool(await system.value("dispatch", "SELECT count(*) FROM pending_events") == 1)


async def missed(system: System) -> int:
    return int(
        await system.value(
            "dispatch", "SELECT count(*) FROM outbox WHERE type = 'assignment.deadline_missed.v1'"
        )
    )


async def test_with_two_replicas_each_clock_is_told_once_and_soon(
    kafka: str, postgres: PostgresServer
) -> None:
    async with dispatch(kafka, postgres, replicas=2) as system:
        pairs = [complaint(minutes_ago(10 - 2 / 60)) for _ in range(30)]
        await produce(system, [event for pair in pairs for event in pair])
        await eventually(lambda: counts(system, 30), timeout=LIMIT)

        records = await read(system, "assignment.events", 60)
        kinds = [header(record, "ce_type").split(".")[1] for record in records]
        assert (kinds.count("assigned"), kinds.count("deadline_missed")) == (30, 30)
        early = await system.value("dispatch", "SELECT count(*) FROM deadlines WHERE fired_at < due_at")
        lateness = await system.value(
            "dispatch",
            "SELECT max(extract(epoch FROM fired_at - greatest(due_at, assigned_at))) "
            "FROM deadlines JOIN cases USING (complaint_id) WHERE fired_at IS NOT NULL",
        )
        assert early == 0
        assert lateness < 5


async def counts(system: System, number: int) -> bool:
    return await missed(system) == number


async def test_the_other_replica_takes_over_the_scheduler(kafka: str, postgres: PostgresServer) -> None:
    async with dispatch(kafka, postgres, replicas=2) as system:
        await produce(system, [*complaint(minutes_ago(11))])
        await eventually(lambda: counts(system, 1), timeout=LIMIT)
        await system.services["dispatch"].stop()
        await produce(system, [*complaint(minutes_ago(11))])
        await eventually(lambda: counts(system, 2), timeout=LIMIT)

        epochs = await system.rows("dispatch", "SELECT DISTINCT epoch FROM deadlines WHERE epoch IS NOT NULL")
        assert len(epochs) == 2
