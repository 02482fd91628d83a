"""What is read together is settled together, and nothing that was read is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from shared.broker import create_broker, declare_subscriber
from shared.inlet import Inlet
from shared.metrics import Metrics

Answer = dict[str, list[str]] | Exception


class Consumer:
    """A consumer whose answers are given; it notes what it was asked for, and whether it may wait."""

    def __init__(self, *answers: Answer) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.asked: list[tuple[int, bool]] = []

    async def getmany(self, *, max_records: int, timeout_ms: int = 0) -> dict[str, list[str]]:
        self.asked.append((max_records, timeout_ms > 0))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def read(consumer: Consumer) -> tuple[str, ...]:
    broker = create_broker("127.0.0.1:9", name="test")
    unused: Any = None
    inlet = Inlet("test", unused, [], Metrics())
    inlet.topics = ["complaint.events"]
    declare_subscriber(broker, inlet, group="test", instance=None, max_records=60)
    (subscriber,) = broker.subscribers
    batch: tuple[str, ...] = await subscriber.get_msg(consumer)  # type: ignore[attr-defined]
    return batch


async def test_after_a_few_records_there_is_a_second_look() -> None:
    consumer = Consumer({"content": ["a"]}, {"events": ["b", "c"]})

    assert await read(consumer) == ("a", "b", "c")
    assert consumer.asked == [(60, True), (59, False)]


async def test_many_records_are_a_batch_at_once() -> None:
    records = [str(number) for number in range(50)]

    assert await read(Consumer({"content": records})) == tuple(records)


async def test_nothing_is_no_batch() -> None:
    assert await read(Consumer({})) == ()


async def test_what_was_found_is_kept_when_the_second_look_fails() -> None:
    assert await read(Consumer({"content": ["a"]}, KafkaError())) == ("a",)


async def test_a_first_look_that_fails_says_so() -> None:
    with pytest.raises(KafkaError):
        await read(Consumer(KafkaError()))
