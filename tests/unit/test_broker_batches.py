"""What is read together is settled together."""

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


async def test_what_comes_together_is_one_batch() -> None:
    consumer = Consumer({"content": ["a"], "events": ["b", "c"]})

    assert await read(consumer) == ("a", "b", "c")
    assert consumer.asked == [(60, True)]


async def test_nothing_is_no_batch() -> None:
    """One look, which has waited: whoever looks again at once is not late for what comes meanwhile."""
    consumer = Consumer({})

    assert await read(consumer) == ()
    assert consumer.asked == [(60, True)]


async def test_a_look_that_fails_says_so() -> None:
    with pytest.raises(KafkaError):
        await read(Consumer(KafkaError()))
