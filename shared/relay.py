"""The relay: moves committed outbox rows to Kafka, in order per key, at least once.

Theory of operation. One relay per service leads (advisory lock and epoch). It selects the *unpublished* rows
in id order, sends all of them without waiting in between (the idempotent producer keeps the order within a
partition, and a key has one partition), waits for the broker's word on each, and marks in one statement the
rows that were acknowledged. A crash between send and mark sends them again under the same event id: the
readers' inboxes absorb it. A send that timed out is *unknown*, never failed: the producer is thrown away and
the row sent again. The relay wakes at commit (LISTEN) and polls once a second as a fallback.
"""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.crashpoints import crash_point
from shared.leader import Leadership, LeadershipLostError, lead
from shared.logs import get_logger
from shared.outbox import CHANNEL

__all__ = ["Relay"]

_log = get_logger(__name__)

_BATCH = 2000
_POLL_SECONDS = 1.0
_SEND_SECONDS = 20.0
_STOP_SECONDS = 5.0
_RETRY_SECONDS = 1.0
LEADER = "relay"

_SELECT = """
    SELECT id, topic, key, headers, body FROM outbox
    WHERE published_at IS NULL ORDER BY id LIMIT $1
"""
_MARK = """
    UPDATE outbox SET published_at = now(), epoch = $2
    WHERE id = ANY($1::bigint[])
      AND (SELECT epoch FROM leaders WHERE name = 'relay' FOR SHARE) = $2
"""


class Relay:
    """Publishes one service's outbox. `run` is to be started once per replica; only the leader works."""

    def __init__(self, dsn: str, bootstrap: str, prefix: str = "") -> None:
        self._dsn = dsn
        self._prefix = prefix
        self._bootstrap = bootstrap
        self._wake = asyncio.Event()
        self.leading = False
        self.progressed_at = time.monotonic()

    async def run(self) -> None:
        """Lead and publish until cancelled; every failure is logged and tried again."""
        while True:
            try:
                async with lead(self._dsn, LEADER) as term:
                    await self._serve(term)
            except (KafkaError, LeadershipLostError, OSError, TimeoutError) as error:
                _log.warning("relay_interrupted", reason=type(error).__name__)
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
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
            await term.connection.add_listener(CHANNEL, self._on_notify)
            self.leading = True
            _log.info("relay_leading", epoch=term.epoch)
            while True:
                term.check()
                self._wake.clear()
                if await self._publish_once(term, producer) < _BATCH:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
        finally:
            # A producer whose broker is frozen does not stop either: leave it to its own end.
            with suppress(TimeoutError, KafkaError, OSError):
                await asyncio.wait_for(producer.stop(), _STOP_SECONDS)

    def _on_notify(self, *_: object) -> None:
        self._wake.set()

    async def _publish_once(self, term: Leadership, producer: AIOKafkaProducer) -> int:
        rows = await term.connection.fetch(_SELECT, _BATCH)
        self.progressed_at = time.monotonic()
        if not rows:
            return 0
        sent = await self._send(producer, rows)
        crash_point("relay.after_produce")
        await self._mark(term, [row["id"] for row, error in zip(rows, sent, strict=True) if error is None])
        crash_point("relay.after_mark")
        failures = [error for error in sent if error is not None]
        if failures:
            raise failures[0]
        return len(rows)

    async def _send(
        self, producer: AIOKafkaProducer, rows: list["asyncpg.Record"]
    ) -> list[KafkaError | TimeoutError | None]:
        """Send every row; per row None once the broker acknowledged it, else the error."""
        futures: list[asyncio.Future[Any]] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEND_SECONDS):
                for row in rows:
                    topic = self._prefix + row["topic"]
                    headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
                    futures.append(
                        await producer.send(
                            topic,
                            value=row["body"],
                            key=row["key"].encode(),
                            headers=headers,
                        )
                    )
                await asyncio.wait(futures)
        return [_outcome(futures[i] if i < len(futures) else None) for i in range(len(rows))]

    @staticmethod
    async def _mark(term: Leadership, ids: list[int]) -> None:
        if not ids:
            return
        status = await term.connection.execute(_MARK, ids, term.epoch)
        if status == "UPDATE 0":
            raise LeadershipLostError(LEADER)


def _outcome(future: "asyncio.Future[Any] | None") -> KafkaError | TimeoutError | None:
    if future is None or not future.done() or future.cancelled():
        return TimeoutError("no word from the broker in time")
    error = future.exception()
    if error is None:
        return None
    return error if isinstance(error, KafkaError) else KafkaError(repr(error))
