"""A key has the partition that Kafka's other producers would give it."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.partition import partition_of

PARTITIONERS = DefaultPartitioner()


@given(st.text(max_size=60) | st.uuids().map(str), st.integers(1, 48))
def test_a_key_has_the_partition_of_kafka_s_own_rule(key: str, count: int) -> None:
    everywhere = list(range(count))

    assert partition_of(key, count) == PARTITIONERS(key.encode(), everywhere, everywhere)


def test_the_partition_of_a_key_never_changes() -> None:
    assert [partition_of(key, 24) for key in ("", "水", "0192e4e0-a0e0-7a7a-8a8a-0192e4e0a0e0")] == [
        9,
        17,
        22,
    ]
