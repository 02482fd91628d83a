"""The relay: moves committed outbox rows to Kafka, in order per key, at least once.

Theory of operation. One relay per service leads (advisory lock and epoch). It selects the *unpublished* rows
in id order and sends all of them, in batches of one partition each, without waiting in between: the
idempotent producer keeps the order within a partition, and a key has one partition. It waits for the broker's
word on each batch and marks, in one statement, the rows that were acknowledged. A crash between send and mark
sends them again under the same event id: the readers' inboxes absorb it. A send that timed out is *unknown*,
never failed: the producer is thrown away and the rows sent again. The relay wakes at commit (LISTEN) and
polls once a second as a fallback. It looks from its floor on, and every ten seconds at the whole index, which
finds rows that somebody has put back to be published again.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.crashpoints import crash_point
from shared.database import DRIVER_ERRORS
from shared.floor import Floor
from shared.leader import Leadership, LeadershipLostError, lead
from shared.logs import get_logger
from shared.outbox import CHANNEL
from shared.partition import partition_of
from shared.reachable import until_reachable

__all__ = ["LEADER", "Relay", "mark"]

_log = get_logger(__name__)

_BATCH = 2000
_SECONDS_PER_ROW, _LONGEST_PAUSE = 0.00025, 0.05
_POLL_SECONDS = 1.0
_WHOLE_SECONDS = 10.0
_SEND_SECONDS = 20.0
_STOP_SECONDS = 5.0
_RETRY_SECONDS = 1.0
LEADER = "relay"
_HEADERS = msgspec.json.Decoder(dict[str, str])

Rows = Sequence[Any]
Sent = tuple[Rows, "asyncio.Future[Any]"]
"""Rows of one batch, and the broker's word on it to come."""

_SELECT = """
    SELECT id, topic, key, headers, body FROM outbox
    WHERE id = ANY(ARRAY(SELECT id FROM outbox_unpublished WHERE id > $2 ORDER BY id LIMIT $1)) ORDER BY id
"""
_MARK = """
    WITH published AS (
        DELETE FROM outbox_unpublished
        WHERE id = ANY($1::bigint[])
          AND (SELECT epoch FROM leaders WHERE name = 'relay' FOR SHARE) = $2
        RETURNING id
    )
    INSERT INTO outbox_publications (epoch, first_id, last_id)
    SELECT $2, min(id), max(id) FROM published HAVING count(*) > 0
"""


class Relay:
    """Publishes one service's outbox. `run` is to be started once per replica; only the leader works.

    `pause` is the least time between two looks, in seconds: what is committed meanwhile goes together, all
    the way to the readers. After a look that found many it is longer, up to 0.05 s: at such a rate large
    batches, which cost everybody less, keep nobody waiting that would not wait for the processors.
    """

    def __init__(self, dsn: str, bootstrap: str, prefix: str = "", *, pause: float = 0.01) -> None:
        self._dsn = dsn
        self._pause = pause
        self._prefix = prefix
        self._bootstrap = bootstrap
        self._wake = asyncio.Event()
        self.leading = False
        self.progressed_at = time.monotonic()

    async def run(self) -> None:
        """Lead and publish until cancelled; every failure is logged and tried again."""
        while True:
            try:
                await until_reachable(self._bootstrap)  # whoever leads must be able to publish
                async with lead(self._dsn, LEADER) as term:
                    await self._serve(term)
            except (KafkaError, LeadershipLostError, OSError, TimeoutError) as error:
                _log.warning("relay_interrupted", reason=type(error).__name__)
            except DRIVER_ERRORS as error:
                _log.warning("relay_lost_database", reason=type(error).__name__)
            finally:
                self.leading = False
            await asyncio.sleep(_RETRY_SECONDS)

    async def _serve(self, term: Leadership) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            acks="all",
            max_batch_size=256 * 1024,
            request_timeout_ms=int(_SEND_SECONDS * 1000),
        )
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await producer.start()
            # A crash of the database may lose the last marks: their rows are sent again, as after any crash.
            await term.connection.execute("SET synchronous_commit = off")
            # What is nearly always empty seems cheap to read as a whole; in a burst it is not.
            await term.connection.execute("SET enable_seqscan = off")
            await term.connection.add_listener(CHANNEL, self._on_notify)
            self.leading = True
            _log.info("relay_leading", epoch=term.epoch)
            floor, looked_at = Floor(), time.monotonic()
            while True:
                term.check()
                self._wake.clear()
                since = floor.id
                if time.monotonic() - looked_at > _WHOLE_SECONDS:
                    since, looked_at = 0, time.monotonic()
                found = await self._publish_once(term, producer, since)
                if found < _BATCH:
                    await floor.rise(term.connection)
                    await asyncio.sleep(max(self._pause, min(found * _SECONDS_PER_ROW, _LONGEST_PAUSE)))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
        finally:
            # A producer whose broker is frozen does not stop either: leave it to its own end.
            with suppress(TimeoutError, KafkaError, OSError):
                await asyncio.wait_for(producer.stop(), _STOP_SECONDS)

    def _on_notify(self, *_: object) -> None:
        self._wake.set()

    async def _publish_once(self, term: Leadership, producer: AIOKafkaProducer, since: int) -> int:
        rows = await term.connection.fetch(_SELECT, _BATCH, since)
        self.progressed_at = time.monotonic()
        if not rows:
            return 0
        acknowledged, failures = await self._send(producer, rows)
        crash_point("relay.after_produce")
        await mark(term, acknowledged)
        crash_point("relay.after_mark")
        if failures:
            raise failures[0]
        return len(rows)

    async def _send(
        self, producer: AIOKafkaProducer, rows: Rows
    ) -> tuple[list[int], list[KafkaError | TimeoutError]]:
        """Send every row; return the ids of those the broker acknowledged, and what went wrong else."""
        sent: list[Sent] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEND_SECONDS):
                for (topic, partition), own in (await self._by_partition(producer, rows)).items():
                    await _submit(producer, topic, partition, own, sent)
                await asyncio.wait([word for _, word in sent])
        acknowledged: list[int] = []
        failures: list[KafkaError | TimeoutError] = []
        for those, word in sent:
            error = _failure(word)
            if error is None:
                acknowledged += [row["id"] for row in those]
            else:
                failures.append(error)
        if not failures and len(acknowledged) < len(rows):
            failures.append(TimeoutError("not everything could be handed to the broker in time"))
        return acknowledged, failures

    async def _by_partition(self, producer: AIOKafkaProducer, rows: Rows) -> dict[tuple[str, int], list[Any]]:
        """The rows by topic and partition, in their order; a key has the partition of Kafka's own rule."""
        numbers: dict[str, list[int]] = {}
        found: dict[tuple[str, int], list[Any]] = {}
        for row in rows:
            topic = self._prefix + row["topic"]
            if topic not in numbers:
                numbers[topic] = sorted(await producer.partitions_for(topic))
            partition = numbers[topic][partition_of(row["key"], len(numbers[topic]))]
            found.setdefault((topic, partition), []).append(row)
        return found


async def mark(term: Leadership, ids: list[int]) -> None:
    """Note that rows are published. LeadershipLostError, and nothing is noted, if the term is over."""
    if ids and await term.connection.execute(_MARK, ids, term.epoch) == "INSERT 0 0":
        raise LeadershipLostError(LEADER)


async def _submit(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: Rows, sent: list[Sent]
) -> None:
    """Hand rows of one partition to the producer, in as few batches as hold them, and note them in `sent`."""
    batch, held = producer.create_batch(), 0
    for place, row in enumerate(rows):
        headers = [(name, value.encode()) for name, value in _HEADERS.decode(row["headers"]).items()]
        record = {"timestamp": None, "key": row["key"].encode(), "value": row["body"], "headers": headers}
        if batch.append(**record) is None:  # full
            sent.append((rows[held:place], await producer.send_batch(batch, topic, partition=partition)))
            batch, held = producer.create_batch(), place
            batch.append(**record)
    sent.append((rows[held:], await producer.send_batch(batch, topic, partition=partition)))


def _failure(word: "asyncio.Future[Any]") -> KafkaError | TimeoutError | None:
    """What went wrong with a batch, None once the broker acknowledged it."""
    if not word.done() or word.cancelled():
        return TimeoutError("no word from the broker in time")
    error = word.exception()
    if error is None:
        return None
    return error if isinstance(error, KafkaError) else KafkaError(repr(error))
