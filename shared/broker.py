"""The only place that declares subscribers.

Manual acknowledgement, a parser and a decoder that never raise, batches; what becomes of these is the
business of `shared.inlet`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.inlet import MAX_POLL_SECONDS, HoldTooLongError, Inlet, Records
from shared.logs import get_logger

__all__ = ["create_broker", "declare_subscriber"]

_log = get_logger(__name__)

_POLL_MILLISECONDS = 200
_PAUSE_AFTER_FAILURE = 30.0


def create_broker(bootstrap: str, *, name: str) -> KafkaBroker:
    """A broker for one consumer; it connects to nothing before it starts."""
    return KafkaBroker(
        bootstrap,
        client_id=name,
        graceful_timeout=15.0,
        logger=None,
        apply_types=False,  # a message is handed on as it is: nothing to inject, nothing to cast
    )


def declare_subscriber(
    broker: KafkaBroker,
    inlet: Inlet,
    *,
    group: str,
    instance: str | None,
    max_records: int = 500,
    pause: float = 0.0,
) -> None:
    """Subscribe `inlet` to its topics on `broker`; after a batch that was not full it rests for `pause` s."""

    async def total_parser(
        records: Records, original: Callable[[Records], Awaitable[KafkaMessage]]
    ) -> KafkaMessage:
        # FastStream decodes the headers of what it parses: it is shown one record, without any, for all.
        message = await original((replace(records[0], headers=()),))
        message.raw_message = records
        return message

    async def records_and_consumer(message: KafkaMessage) -> tuple[Records, AIOKafkaConsumer]:
        # Not the message itself: it keeps what was decoded of it, and would keep itself and its records.
        return cast("Records", message.raw_message), cast("AIOKafkaConsumer", message.consumer)

    subscriber = broker.subscriber(
        *(inlet.prefix + topic for topic in inlet.topics),
        group_id=inlet.prefix + group,
        group_instance_id=instance,
        batch=True,
        max_records=max_records,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        max_poll_interval_ms=MAX_POLL_SECONDS * 1000,
        parser=total_parser,
        decoder=records_and_consumer,
    )

    subscriber.get_msg = partial(_next_batch, max_records=max_records)  # type: ignore[method-assign]

    @subscriber
    async def consume(batch: tuple[Records, AIOKafkaConsumer]) -> None:
        records, consumer = batch
        if await _settle(inlet, consumer, records) and len(records) < max_records:
            await asyncio.sleep(pause)


async def _settle(inlet: Inlet, consumer: AIOKafkaConsumer, records: Records) -> bool:
    """Settle records and say so, or go back to the first of them."""
    try:
        await inlet.settle(records)
    except HoldTooLongError:
        _rewind(consumer, records)
        return False
    except Exception as error:  # noqa: BLE001 - not even a dead letter could be kept: FastStream would go on
        inlet.holding = type(error).__name__
        _log.exception("batch_not_settled", size=len(records))
        await asyncio.sleep(_PAUSE_AFTER_FAILURE)
        _rewind(consumer, records)
        return False
    inlet.note(consumer, records)
    return True


async def _next_batch(consumer: AIOKafkaConsumer, max_records: int) -> tuple[ConsumerRecord[Any, Any], ...]:
    """Return what there is to read, or nothing after a while.

    FastStream's own sleeps as long again where nothing came, and is late for what comes meanwhile.
    """
    found = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=max_records)
    return tuple(chain.from_iterable(found.values()))


def _rewind(consumer: AIOKafkaConsumer, records: Records) -> None:
    first: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        first[partition] = min(record.offset, first.get(partition, record.offset))
    for partition, offset in first.items():
        try:
            consumer.seek(partition, offset)
        except IllegalStateError:
            _log.info("partition_moved_on", topic=partition.topic, partition=partition.partition)
