"""The servers behind the integration tests are what the tests take them for."""

import asyncio
from collections.abc import Callable

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import TOPICS
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually


async def produce(bootstrap: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value)


async def test_each_database_is_fresh_and_finds_chinese_by_trigrams(postgres: PostgresServer) -> None:
    first, second = postgres.create_database(), postgres.create_database()

    assert first != second
    connection = await asyncpg.connect(first)
    await connection.execute("CREATE EXTENSION pg_trgm")
    likeness = await connection.fetchval("SELECT similarity('三号楼电梯坏了', '三号楼的电梯坏了')")
    await connection.close()
    assert likeness > 0.5


async def test_a_database_can_be_copied_from_a_prepared_one(postgres: PostgresServer) -> None:
    prepared = postgres.create_database()
    connection = await asyncpg.connect(prepared)
    await connection.execute("CREATE TABLE units (name text); INSERT INTO units VALUES ('维修分公司')")
    await connection.close()

    connection = await asyncpg.connect(postgres.create_database(template=prepared))
    name = await connection.fetchval("SELECT name FROM units")
    await connection.close()

    assert name == "维修分公司"


async def test_a_record_travels_through_a_topic_of_its_own(
    kafka: str, make_topic: Callable[..., str]
) -> None:
    topic = make_topic(partitions=3)
    await produce(kafka, topic, "电梯坏了".encode())

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, group_id=topic, auto_offset_reset="earliest")
    async with consumer:
        record = await asyncio.wait_for(consumer.getone(), 20)

    assert record.value.decode() == "电梯坏了"


async def leave_a_record_and_an_offset(bootstrap: str) -> None:
    consumer = AIOKafkaConsumer(
        "complaint.events",
        bootstrap_servers=bootstrap,
        group_id="dispatch",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        await produce(bootstrap, "complaint.events", b"{}")
        assert (await asyncio.wait_for(consumer.getone(), 20)).offset == 0
        await consumer.commit()


async def test_the_topics_of_the_product_are_empty(kafka_topics: str) -> None:
    await leave_a_record_and_an_offset(kafka_topics)


async def test_the_topics_of_the_product_are_empty_again(kafka_topics: str) -> None:
    await leave_a_record_and_an_offset(kafka_topics)


async def test_every_topic_has_its_partitions(kafka_topics: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_topics)
    await admin.start()
    try:
        described = await admin.describe_topics(list(TOPICS))
    finally:
        await admin.close()

    assert {each["topic"]: len(each["partitions"]) for each in described} == {
        name: topic.partitions for name, topic in TOPICS.items()
    }


async def test_eventually_returns_the_first_true_value() -> None:
    values = iter([None, 0, 7])

    assert await eventually(lambda: next(values)) == 7
