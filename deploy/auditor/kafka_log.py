"""Reading Kafka: what the groups committed, the ends, and every record from offset 0, outside any group."""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.auditor.facts import Log, Record
from deploy.auditor.layout import GROUPS, KEPT_FIELDS, TOPICS

__all__ = ["Kafka"]

_BATCH = 5_000
_POLL_MS = 1_000
_SILENCE_LIMIT = 30.0  # seconds
_PAUSE = 0.5  # seconds

_Committed = Mapping[str, Mapping[tuple[str, int], int]]
"""Offsets by group, topic and partition."""


class Kafka:
    """One Kafka, asked under the names of one installation. Reads only."""

    def __init__(self, bootstrap: str, prefix: str = "") -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix

    async def read(self, *, now_ms: int) -> Log:
        """Read the log: committed offsets first, then the ends, then every record before them.

        `now_ms` (Unix time in milliseconds) is what ages are counted from.
        """
        committed, partitions = await self._ask()
        async with self._consumer() as consumer:
            ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
            records = [self._record(one, now_ms) async for one in _records(consumer, ends)]
        return Log(records, self._plain(ends), committed)

    async def positions(self) -> Log:
        """Read committed offsets and ends alone."""
        committed, partitions = await self._ask()
        async with self._consumer() as consumer:
            return Log((), self._plain(await consumer.end_offsets(partitions)), committed)

    async def _ask(self) -> tuple[_Committed, list[TopicPartition]]:
        """What each group has committed, and the partitions there are; a broker may need a moment."""
        give_up = time.monotonic() + _SILENCE_LIMIT
        while True:
            try:
                return await self._ask_once()
            except KafkaError as error:
                if not error.retriable or time.monotonic() > give_up:
                    raise
            await asyncio.sleep(_PAUSE)

    async def _ask_once(self) -> tuple[_Committed, list[TopicPartition]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            committed = {}
            for group in GROUPS:
                offsets = await admin.list_consumer_group_offsets(self._prefix + group.name)
                committed[group.name] = self._plain(
                    {partition: one.offset for partition, one in offsets.items() if one.offset >= 0}
                )
            described = await admin.describe_topics([self._prefix + name for name in TOPICS])
        finally:
            await admin.close()
        return committed, [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    def _plain(self, offsets: Mapping[TopicPartition, int]) -> dict[tuple[str, int], int]:
        return {
            (one.topic.removeprefix(self._prefix), one.partition): offset for one, offset in offsets.items()
        }

    def _record(self, record: "ConsumerRecord[bytes, bytes]", now_ms: int) -> Record:
        headers = {name: _text(value) or "" for name, value in record.headers}
        kind = headers.get("ce_type", "")
        return Record(
            topic=sys.intern(record.topic.removeprefix(self._prefix)),
            partition=record.partition,
            offset=record.offset,
            age=(now_ms - record.timestamp) / 1000,
            key=_interned(_text(record.key)),
            event_id=_uuid(headers.get("ce_id", "")),
            type=sys.intern(kind),
            seq=_number(headers.get("ce_seq", "")),
            subject=sys.intern(headers.get("ce_subject", "")),
            digest=hashlib.sha256(record.value or b"").digest(),
            fields=_fields(kind, record.value),
        )


async def _records(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator["ConsumerRecord[bytes, bytes]"]:
    """Yield every record before the ends, each partition in its order.

    TimeoutError if none comes for a long time although there must be more.
    """
    starts = await consumer.beginning_offsets(list(ends))
    left = {partition for partition, end in ends.items() if end > starts[partition]}
    if not left:
        return
    consumer.assign(sorted(left))
    await consumer.seek_to_beginning()
    heard_at = time.monotonic()
    while left:
        for found in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)).values():
            heard_at = time.monotonic()
            for record in found:
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    yield record
        await _leave_finished(consumer, left, ends)
        if time.monotonic() - heard_at > _SILENCE_LIMIT:
            raise TimeoutError(f"Kafka 在 {_SILENCE_LIMIT:.0f} 秒内没有给出其余的记录")


async def _leave_finished(
    consumer: AIOKafkaConsumer, left: set[TopicPartition], ends: Mapping[TopicPartition, int]
) -> None:
    """Forget the partitions that are read to their ends, so that what comes later is not fetched."""
    for partition in sorted(left):
        if await consumer.position(partition) >= ends[partition]:
            left.discard(partition)
            consumer.pause(partition)


def _fields(kind: str, value: bytes | None) -> Mapping[str, Any] | None:
    names: Sequence[str] = KEPT_FIELDS.get(kind, ())
    if not names or not value:
        return None
    try:
        payload = json.loads(value)
    except ValueError:
        return None
    return {name: payload.get(name) for name in names} if isinstance(payload, dict) else None


def _text(value: bytes | None) -> str | None:
    """Text of a key or header; None where it is missing, not UTF-8, or holds a NUL."""
    if not value or b"\x00" in value:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _interned(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _number(text: str) -> int | None:
    return int(text) or None if text.isascii() and text.isdigit() and len(text) <= 18 else None  # noqa: PLR2004
