"""The servers behind the integration tests are what the tests take them for."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from deploy import topics
from shared.contracts.topics import TOPICS, Topic, TopicKind
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


async def records_seen_by_dispatch(bootstrap: str, prefix: str) -> int:
    """Leave one record and one committed offset, and return how many records were there."""
    topic = f"{prefix}complaint.events"
    await produce(bootstrap, topic, b"{}")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"{prefix}dispatch", auto_offset_reset="earliest"
    )
    async with consumer:
        await asyncio.wait_for(consumer.getone(), 20)
        await consumer.commit()
        return sum((await consumer.end_offsets(list(consumer.assignment()))).values())


@pytest.mark.parametrize("run", [1, 2])
async def test_every_test_has_the_topics_of_the_product_empty(
    kafka: str, topic_prefix: str, run: int
) -> None:
    assert await records_seen_by_dispatch(kafka, topic_prefix) == 1


async def partitions_by_topic(bootstrap: str) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(list(TOPICS))
    finally:
        await admin.close()
    return {each["topic"]: len(each["partitions"]) for each in described}


async def test_applying_topics_twice_and_at_once_makes_each_of_them_once(kafka: str) -> None:
    created = await asyncio.gather(topics.apply(kafka), topics.apply(kafka))

    assert await topics.apply(kafka) == []
    assert len({*created[0], *created[1]}) == len(created[0]) + len(created[1])
    expected = {name: topic.partitions for name, topic in TOPICS.items()}
    assert await partitions_by_topic(kafka) == expected


async def test_a_topic_with_other_partitions_is_a_clear_error(kafka: str, topic_prefix: str) -> None:
    wider = Topic("complaint.events", TopicKind.EVENT, 99)

    with pytest.raises(topics.TopicsError, match=r"complaint\.events 有 3 个分区，应为 99 个"):
        await topics.apply(kafka, prefix=topic_prefix, topics=[wider])


async def test_a_topic_that_would_lose_records_is_a_clear_error(kafka: str, topic_prefix: str) -> None:
    compacted = Topic("complaint.events", TopicKind.STATE, 3)

    with pytest.raises(topics.TopicsError, match=r"cleanup\.policy 是 delete，应为 compact"):
        await topics.apply(kafka, prefix=topic_prefix, topics=[compacted])


async def test_eventually_returns_the_first_true_value() -> None:
    values = iter([None, 0, 7])

    assert await eventually(lambda: next(values)) == 7
