"""How records become effects: every one is brought to an end, in one transaction per batch.

Inbox, effects and outbox together, committed before the offset is. Offsets follow a moment later, for many
batches at once: what is read again for lack of one is a duplicate, and the inbox knows it. An error that
waiting may cure holds the batch in place with backoff (heartbeats go on in the background); any other takes
the batch apart, record by record, until the poison is found and kept as a dead letter. Nothing is skipped,
nothing loops hot.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from sqlalchemy.ext.asyncio import AsyncSession

from shared import deadletters, inbox
from shared.consume import Subscription, take
from shared.crashpoints import crash_point
from shared.database import Sessions, describe, is_passing_failure, run_unit
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.wire import Envelope, Poison, Unreadable, raw_of, read_envelope

__all__ = ["MAX_POLL_SECONDS", "HoldTooLongError", "Inlet", "Records"]

_log = get_logger(__name__)

Records = Sequence[ConsumerRecord[bytes, bytes]]

MAX_POLL_SECONDS = 300
"""A consumer may be silent for so long before its group thinks it dead."""
_CYCLE_SECONDS = MAX_POLL_SECONDS / 3
_ATTEMPTS = 5
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0
_SWEEP_SECONDS = 1.0
_ACKNOWLEDGE_SECONDS = 0.2
_COMMIT_SECONDS = 10.0


class HoldTooLongError(Exception):
    """A batch waited so long that the group would think this member dead: read it again later."""


class Inlet:
    """Takes the records of a service's topics into its database."""

    def __init__(
        self,
        service: str,
        sessions: Sessions,
        subscriptions: Sequence[Subscription],
        metrics: Metrics,
        prefix: str = "",
    ) -> None:
        self.prefix = prefix
        self._service = service
        self._sessions = sessions
        self._subscriptions = subscriptions
        self._metrics = metrics
        self.topics = [one.topic for one in subscriptions]
        self.holding: str | None = None
        """Why the consumer stands still, None while it moves."""
        self.progressed_at = time.monotonic()
        self.busy = False
        """Whether a batch is in hand."""
        self.noted_at: float | None = None
        """Since when something settled waits for its offset to be committed, None while nothing does."""
        self._settled: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None

    async def settle(self, records: Records) -> None:
        """Bring every record to an end: an effect, a wait, a duplicate or a dead letter, committed.

        HoldTooLongError if the database stayed away longer than a consumer may be silent.
        """
        self.busy = True
        try:
            await self._settle(records)
        finally:
            self.busy = False
        self.progressed_at = time.monotonic()

    async def _settle(self, records: Records) -> None:
        crash_point(f"{self._service}.after_receive")
        read = [read_envelope(raw_of(record, self.prefix)) for record in records]
        envelopes = [one for one in read if isinstance(one, Envelope)]
        deadline = time.monotonic() + _CYCLE_SECONDS
        for one in read:
            if isinstance(one, Unreadable):
                await self._bury(one, one.reason, one.detail, deadline)
        if envelopes:
            await self._settle_envelopes(envelopes, deadline)
        self._metrics.consumed.labels(self._service).inc(len(read))

    def note(self, consumer: AIOKafkaConsumer, records: Records) -> None:
        """Note that these records were brought to an end: their offsets may be committed."""
        self._consumer = consumer
        self.noted_at = self.noted_at or time.monotonic()
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            self._settled[partition] = max(record.offset + 1, self._settled.get(partition, 0))

    async def acknowledge(self) -> None:
        """Commit the offsets noted. What cannot be committed comes again as duplicates."""
        consumer, settled = self._consumer, self._settled
        if consumer is None or not settled:
            return
        self._settled = {}
        offsets = {one: settled[one] for one in settled.keys() & consumer.assignment()}
        if offsets:
            await self._commit(consumer, offsets)
        else:  # all went to another member
            self.noted_at = None
        crash_point(f"{self._service}.after_ack")

    async def _commit(self, consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):  # a commit may hang for ever when its broker dies
                await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            _log.info("partitions_moved_on", count=len(offsets))
        except (KafkaError, TimeoutError) as error:
            _log.warning("commit_retried", reason=type(error).__name__)
            for partition, offset in offsets.items():
                self._settled[partition] = max(offset, self._settled.get(partition, 0))
            return
        self.noted_at = time.monotonic() if self._settled else None

    async def acknowledge_forever(self) -> None:
        """Commit offsets a few times a second until cancelled."""
        while True:
            await asyncio.sleep(_ACKNOWLEDGE_SECONDS)
            await self.acknowledge()

    def excuse(self, lag: int | None) -> None:
        """Have the time until now not count where nothing was to do, or Kafka is away (`lag` None)."""
        if lag == 0 and not self.busy:
            self.progressed_at = time.monotonic()
        if lag is None and self.noted_at is not None:
            self.noted_at = time.monotonic()

    def find_stuck(self, lag: int | None, patience: float) -> str | None:
        """Name what has not moved for `patience` seconds although it could."""
        now = time.monotonic()
        if (lag or self.busy) and self.holding is None and now - self.progressed_at > patience:
            return "consumer_stuck"
        if self.noted_at is not None and now - self.noted_at > patience:
            return "offsets_stuck"
        return None

    async def sweep(self) -> None:
        """Try again what waits in `pending_events`, oldest try first."""
        keys = await run_unit(self._sessions, lambda session: inbox.waiting_keys(session, self.topics))
        if not keys:
            return
        try:
            await run_unit(
                self._sessions, lambda session: take(session, self._subscriptions, (), follow=set(keys))
            )
        except Exception as error:  # noqa: BLE001 - any error takes the batch apart
            if is_passing_failure(error):
                return
            deadline = time.monotonic() + _CYCLE_SECONDS
            pending = await run_unit(self._sessions, lambda session: inbox.load_pending(session, keys))
            for one in self._in_order(pending):
                await self._settle_one(one, deadline)

    def _in_order(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        """The envelopes of our topics, by the declared order of these, else as they came."""
        own = [one for one in envelopes if one.topic in self.topics]
        return sorted(own, key=lambda each: self.topics.index(each.topic))

    async def _settle_envelopes(self, envelopes: Sequence[Envelope], deadline: float) -> None:
        keys = {one.key for one in envelopes}

        async def whole_batch(session: AsyncSession) -> None:
            await take(session, self._subscriptions, envelopes, follow=keys)
            crash_point(f"{self._service}.before_commit")

        try:
            await self._patiently(whole_batch, deadline)
        except HoldTooLongError:
            raise
        except Exception as error:  # noqa: BLE001 - any error takes the batch apart
            _log.warning("batch_taken_apart", reason=type(error).__name__, size=len(envelopes))
            for one in self._in_order(envelopes):
                await self._settle_one(one, deadline)
                self.progressed_at = time.monotonic()
        crash_point(f"{self._service}.after_commit_before_ack")

    async def _settle_one(self, envelope: Envelope, deadline: float) -> None:
        """Apply one record alone; Poison or a fifth unknown error makes it a dead letter."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._patiently(
                    lambda session: take(session, self._subscriptions, [envelope]), deadline
                )
            except HoldTooLongError:
                raise
            except Poison as poison:
                await self._bury(envelope, poison.reason, poison.detail, deadline)
                return
            except Exception as error:  # noqa: BLE001 - unknown: tried again, then kept
                if attempt == _ATTEMPTS:
                    _log.exception("unknown_error", event_id=str(envelope.id), type=envelope.type)
                    await self._bury(envelope, "unknown", describe(error), deadline)
                    return
                await asyncio.sleep(_FIRST_DELAY * attempt)
            else:
                return

    async def _bury(self, letter: Envelope | Unreadable, reason: str, detail: str, deadline: float) -> None:
        async def bury(session: AsyncSession) -> None:
            await deadletters.record(session, self._service, letter, reason, detail)
            if isinstance(letter, Envelope) and letter.pending:
                await inbox.unpend(session, [letter])

        await self._patiently(bury, deadline)
        self._metrics.dead.labels(self._service, reason).inc()
        _log.error(
            "dead_letter",
            topic=letter.raw.topic,
            partition=letter.raw.partition,
            offset=letter.raw.offset,
            reason=reason,
            detail=detail[:200],
        )

    async def _patiently(self, work: Callable[[AsyncSession], Awaitable[None]], deadline: float) -> None:
        """Run `work` in a transaction, again and again while the failure is one that passes."""
        delay = _FIRST_DELAY
        while True:
            try:
                await run_unit(self._sessions, work)
            except Exception as error:
                if not is_passing_failure(error):
                    raise
                self.holding = type(getattr(error, "orig", error)).__name__
                _log.warning("consumer_holds", reason=self.holding)
                if time.monotonic() > deadline:
                    raise HoldTooLongError from error
                await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311 - jitter
                delay = min(delay * 2, _LONGEST_DELAY)
            else:
                self.holding = None
                return

    async def sweep_forever(self) -> None:
        """Sweep until cancelled; a database that is away only delays it."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.sweep()
            except HoldTooLongError:
                continue
            except Exception as error:  # noqa: BLE001 - logged; the next sweep tries again
                if not is_passing_failure(error):
                    _log.exception("sweep_failed")
