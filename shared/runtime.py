"""The moving parts of a running service, and the truth about them.

Started in the application's lifespan, in an order that keeps promises: the relay at once; the state topics,
read to the ends seen at start; then, once the service holds what it needs, the event topics. Until then
`/readyz` is red and nothing is decided on half the knowledge.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared import outbox
from shared.auth import forget_ended_sessions
from shared.broker import create_broker, declare_subscriber
from shared.consume import Subscription, state_subscription
from shared.database import (
    DRIVER_ERRORS,
    Sessions,
    create_engine,
    create_sessions,
    describe,
    is_passing_failure,
    run_unit,
)
from shared.inbox import pending_events
from shared.inlet import Inlet
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.migrations import head, is_at_head
from shared.reachable import until_reachable
from shared.relay import Relay
from shared.settings import ServiceSettings

__all__ = ["Runtime"]

_log = get_logger(__name__)

_STALE_RELAY_SECONDS = 30
_STUCK_SECONDS = 60
_WATCH_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_MINUTE, _HOUR = 60.0, 3600.0
_DATABASE_AWAY = (SQLAlchemyError, *DRIVER_ERRORS, OSError)
"""What a database that is away raises, by way of SQLAlchemy or, from a bare statement, the driver."""

Background = Callable[["Runtime"], Coroutine[Any, Any, None]]
C = TypeVar("C", AIOKafkaConsumer, AIOKafkaAdminClient)
Prepared = Callable[[AsyncSession], Awaitable[bool]]


class Runtime:
    """One replica of a service: engine, relay, consumers, background work.

    `prepared` answers whether the state read so far is enough to start on events (a rule book, a directory).
    `background` coroutines run until the service stops; one that ends or raises is logged and started again.
    `publish_pause` and `consume_pause` are the least seconds between two batches sent and two batches read:
    what comes meanwhile goes together, which costs a fraction. A service that others wait for makes them
    short.
    """

    def __init__(  # noqa: PLR0913 - named, each with one meaning
        self,
        service: str,
        settings: ServiceSettings,
        *,
        migrations: Path,
        subscriptions: Sequence[Subscription],
        state_topics: Sequence[str],
        prepared: Prepared | None = None,
        background: Sequence[Background] = (),
        publish_pause: float = 0.05,
        consume_pause: float = 0.1,
    ) -> None:
        self.service = service
        self.settings = settings
        self.metrics = Metrics()
        self.engine: AsyncEngine = create_engine(
            settings.database_url.get_secret_value(), pool_size=settings.pool_size
        )
        self.sessions: Sessions = create_sessions(self.engine)
        prefix = settings.kafka_prefix
        self.relay = Relay(
            settings.database_url.get_secret_value(), settings.kafka_bootstrap, prefix, pause=publish_pause
        )
        self._consume_pause = consume_pause
        self._prepared = prepared
        self._background = background
        state = [state_subscription(topic) for topic in state_topics]
        self._inlets = [
            Inlet(service, self.sessions, state, self.metrics, prefix),
            Inlet(service, self.sessions, subscriptions, self.metrics, prefix),
        ]
        self._groups = [f"{service}-state", service]
        self._newest_migration = head(migrations)
        self._brokers: list[KafkaBroker] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self.give_up: Callable[[], None] = _end_process
        """What is done when a consumer is stuck: the supervisor restarts a process that ended."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run everything for the length of the block; consumers stop first, the engine last."""
        keep = [self.relay.run, self._watch, self._housekeep]
        keep += [work for inlet in self._inlets for work in (inlet.sweep_forever, inlet.acknowledge_forever)]
        keep += [lambda work=work: work(self) for work in self._background]  # type: ignore[misc]
        self._tasks = [asyncio.create_task(self._forever(work)) for work in keep]
        self._tasks.append(asyncio.create_task(self._start_or_give_up()))
        try:
            yield
        finally:
            await self._stop()

    async def problems(self) -> dict[str, str]:
        """What keeps this replica from being ready, by part; empty when all is well."""
        found = await self._database_problems()
        if not self._started:
            found["consumers"] = "state topics are not read to their ends yet, or no rule book is held"
        for group, inlet in zip(self._groups, self._inlets, strict=True):
            if inlet.holding:
                found[group] = f"holding: {inlet.holding}"
        for group, broker in zip(self._groups, self._brokers, strict=False):
            if not await broker.ping(timeout=2.0):
                found[f"kafka:{group}"] = "no answer from Kafka"
        return found

    async def measure(self) -> None:
        """Bring the gauges of outbox and waiting events up to date."""
        oldest, waiting = await run_unit(self.sessions, _backlog)
        self.metrics.unpublished.labels(self.service).set(oldest[0])
        self.metrics.unpublished_age.labels(self.service).set(oldest[1])
        self.metrics.pending.labels(self.service).set(waiting[0])
        self.metrics.pending_age.labels(self.service).set(waiting[1])

    async def _database_problems(self) -> dict[str, str]:
        try:
            newest = self._newest_migration
            if not await run_unit(self.sessions, lambda session: is_at_head(session, newest)):
                return {"database": f"migrations are not at {newest}: run huiying migrate"}
            oldest, waiting = await run_unit(self.sessions, _backlog)
        except _DATABASE_AWAY as error:
            return {"database": type(error).__name__}
        found = {}
        if oldest[1] > _STALE_RELAY_SECONDS:
            found["relay"] = f"oldest unpublished event waits {oldest[1]:.0f} s"
        if waiting[1] > _STUCK_SECONDS:
            _log.error("events_wait_too_long", count=waiting[0], oldest_seconds=round(waiting[1]))
        return found

    async def _start_or_give_up(self) -> None:
        try:
            await self._start_consumers()
        except Exception:  # noqa: BLE001 - without consumers this replica is of no use
            _log.exception("consumers_not_started", service=self.service)
            self.give_up()

    async def _start_consumers(self) -> None:
        for group, inlet in zip(self._groups, self._inlets, strict=True):
            await self._subscribe(group, inlet)
            if group == self._groups[0]:
                await self._until_state_is_read(group, inlet.topics)
        self._started = True
        _log.info("consumers_started", service=self.service)

    async def _subscribe(self, group: str, inlet: Inlet) -> None:
        while True:
            await until_reachable(self.settings.kafka_bootstrap)
            broker = create_broker(self.settings.kafka_bootstrap, name=group)
            instance, pause = self.settings.instance, self._consume_pause
            declare_subscriber(broker, inlet, group=group, instance=instance, pause=pause)
            try:
                await broker.start()
            except (KafkaError, OSError) as error:
                _log.warning("kafka_not_reachable", group=group, reason=type(error).__name__)
                with suppress(KafkaError, OSError):
                    await broker.stop()
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                inlet.progressed_at = time.monotonic()
                self._brokers.append(broker)
                return

    async def _until_state_is_read(self, group: str, topics: Sequence[str]) -> None:
        """Wait for state, however often Kafka fails meanwhile: a new broker has no coordinator at first."""
        while True:
            try:
                await self._wait_for_state(group, topics)
            except (KafkaError, *_DATABASE_AWAY) as error:
                _log.warning("state_not_read_yet", group=group, reason=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _wait_for_state(self, group: str, topics: Sequence[str]) -> None:
        """Return once the group has committed past the ends seen now and the service is prepared."""
        names = sorted(self.settings.kafka_prefix + topic for topic in topics)
        servers = self.settings.kafka_bootstrap
        async with _client(AIOKafkaAdminClient(bootstrap_servers=servers)) as admin:
            partitions = [
                TopicPartition(topic["topic"], partition["partition"])
                for topic in await admin.describe_topics(names)
                for partition in topic["partitions"]
            ]
        async with _client(AIOKafkaConsumer(bootstrap_servers=servers)) as reader:
            ends = await reader.end_offsets(partitions)
        async with _client(AIOKafkaAdminClient(bootstrap_servers=servers)) as admin:
            while not await self._is_state_read(admin, group, ends):  # noqa: ASYNC110 - Kafka tells no event
                await asyncio.sleep(0.1)

    async def _is_state_read(
        self, admin: AIOKafkaAdminClient, group: str, ends: dict[TopicPartition, int]
    ) -> bool:
        committed = await admin.list_consumer_group_offsets(self.settings.kafka_prefix + group)
        for partition, end in ends.items():
            if end and (partition not in committed or committed[partition].offset < end):
                return False
        return self._prepared is None or await run_unit(self.sessions, self._prepared)

    async def _forever(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - logged, and the work goes on
                if is_passing_failure(error):
                    _log.warning("background_work_interrupted", reason=describe(error))
                else:
                    _log.exception("background_work_failed", service=self.service)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _housekeep(self) -> None:
        """A minute after the start and then once an hour: prune the outbox, forget sessions that ended."""
        pause = _MINUTE
        while True:
            await asyncio.sleep(pause)
            while await run_unit(self.sessions, outbox.prune):
                pass
            await run_unit(self.sessions, forget_ended_sessions)
            pause = _HOUR

    async def _watch(self) -> None:
        """End the process if a consumer has work and has not moved for a minute: it is started again."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for inlet, broker in zip(self._inlets, self._brokers, strict=False):
                lag = await self._lag(broker)
                inlet.excuse(lag)
                stuck = inlet.find_stuck(lag, _STUCK_SECONDS)
                if stuck:
                    _log.critical(stuck, service=self.service, lag=lag)
                    self.give_up()

    async def _lag(self, broker: KafkaBroker) -> int | None:
        """Records behind the ends of this replica's partitions; None if Kafka does not say."""
        consumer: AIOKafkaConsumer | None = getattr(broker.subscribers[0], "consumer", None)
        if consumer is None or not consumer.assignment():
            return 0
        try:
            async with asyncio.timeout(_WATCH_SECONDS):
                ends = await consumer.end_offsets(list(consumer.assignment()))
                behind: dict[str, int] = {}
                for partition, end in ends.items():
                    position = await consumer.position(partition)
                    behind[partition.topic] = behind.get(partition.topic, 0) + max(0, end - position)
        except (KafkaError, TimeoutError, OSError):
            return None
        for topic, records in behind.items():
            self.metrics.lag.labels(self.service, topic).set(records)
        return sum(behind.values())

    async def _stop(self) -> None:
        starting = self._tasks.pop()
        starting.cancel()
        for inlet, broker in reversed(list(zip(self._inlets, self._brokers, strict=False))):
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(inlet.acknowledge(), _WATCH_SECONDS)
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(broker.stop(), 20)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(starting, *self._tasks, return_exceptions=True)
        await self.engine.dispose()


def _end_process() -> None:
    os._exit(1)


async def _backlog(session: AsyncSession) -> tuple[tuple[int, float], tuple[int, float]]:
    """Count and age in seconds of the oldest: unpublished outbox rows, waiting events."""
    age = sa.func.coalesce(sa.extract("epoch", sa.func.now() - sa.func.min(outbox.outbox.c.created_at)), 0)
    both = sa.join(outbox.outbox, outbox.unpublished, outbox.outbox.c.id == outbox.unpublished.c.id)
    unpublished = await session.execute(sa.select(sa.func.count(), age).select_from(both))
    age = sa.func.coalesce(sa.extract("epoch", sa.func.now() - sa.func.min(pending_events.c.received_at)), 0)
    waiting = await session.execute(sa.select(sa.func.count(), age).select_from(pending_events))
    first, second = unpublished.one(), waiting.one()
    return (int(first[0]), float(first[1])), (int(second[0]), float(second[1]))


@asynccontextmanager
async def _client(client: C) -> AsyncIterator[C]:
    """Start a Kafka client for the length of the block."""
    await client.start()
    try:
        yield client
    finally:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
