"""The background work that sends: claim in one transaction, send in none, mark in another."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from prometheus_client import Counter, Gauge

from services.notify import store
from services.notify.addresses import AddressError, pace_of, parse
from services.notify.domain import Outcome, RetryPolicy, State
from services.notify.egress import Egress
from services.notify.settings import NotifySettings
from services.notify.transports import Message, Report, Transports
from services.notify.usecases.deliveries import Job, claim, settle
from services.notify.wording import CHANNEL_REMOVED
from shared.clock import Clock
from shared.crashpoints import crash_point
from shared.database import DRIVER_ERRORS, is_passing_failure, run_unit
from shared.ids import uuid7
from shared.logs import get_logger
from shared.runtime import Runtime

__all__ = ["Sender"]

_log = get_logger(__name__)

CHANNEL = "deliveries"
_WORKERS = 4
_POLL_SECONDS = 1.0
_COUNT_SECONDS = 10.0
_STOP_SECONDS = 15.0


class Sender:
    """Sends what is due; replicas share the work, one delivery per channel at a time."""

    def __init__(self, settings: NotifySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._name = settings.instance or f"{os.getpid()}-{uuid7()}"
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._policy = RetryPolicy(
            attempts=settings.max_attempts,
            first=timedelta(seconds=settings.first_retry_seconds),
            longest=timedelta(seconds=settings.longest_retry_seconds),
        )
        self._wake = asyncio.Event()
        self._meters: _Meters | None = None

    async def run(self, runtime: Runtime) -> None:
        """Send until cancelled; if the database is lost this ends, and the runtime starts it again."""
        self._meters = self._meters or _Meters.create(runtime)
        transports = Transports.create(Egress(self._settings.internal_networks), self._clock)
        connection = await asyncpg.connect(self._settings.database_url.get_secret_value(), timeout=5)
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            await run_unit(runtime.sessions, lambda session: store.free_own_leases(session, self._name))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._count(runtime, connection))
                for _ in range(_WORKERS):
                    group.create_task(self._work(runtime, transports))
        finally:
            with suppress(OSError, TimeoutError, *DRIVER_ERRORS):
                await connection.close(timeout=2)
            await transports.client.aclose()

    async def _work(self, runtime: Runtime, transports: Transports) -> None:
        while True:
            self._wake.clear()
            while await self._step(runtime, transports):
                pass
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)

    async def _step(self, runtime: Runtime, transports: Transports) -> bool:
        """Bring one due delivery forward; False if none is due."""
        taken = await run_unit(
            runtime.sessions,
            lambda session: claim(
                session,
                sender=self._name,
                lease=self._lease,
                public_url=self._settings.public_url,
                clock=self._clock,
            ),
        )
        if taken is None:
            return False
        if taken.job is not None:
            crash_point("notify.after_claim")
            await _to_its_end(self._deliver(runtime, transports, taken.job))
        return True

    async def _deliver(self, runtime: Runtime, transports: Transports, job: Job) -> None:
        if job.url is None:
            report = Report(Outcome.REFUSED, CHANNEL_REMOVED)
        else:
            message = Message(str(job.delivery_id), job.text.title, job.text.body)
            report = await transports.send(job.url, message)
        crash_point("notify.before_mark")
        reached = await self._mark(runtime, job, report)
        crash_point("notify.after_mark")
        if self._meters is not None:
            self._meters.attempts.labels("overtaken" if reached is None else reached.value).inc()
        _note(job, reached, report)

    async def _mark(self, runtime: Runtime, job: Job, report: Report) -> State | None:
        """Write down what became of the attempt, as soon as the database lets us."""
        while True:
            try:
                return await run_unit(
                    runtime.sessions,
                    lambda session: settle(
                        session,
                        job,
                        report.outcome,
                        report.reason,
                        policy=self._policy,
                        pace=_pace(job.url),
                        clock=self._clock,
                    ),
                )
            except Exception as error:
                if not is_passing_failure(error):
                    raise
                _log.warning("alert_mark_waits", reason=type(error).__name__)
                await asyncio.sleep(_POLL_SECONDS)

    async def _count(self, runtime: Runtime, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        while self._meters is not None:
            if connection.is_closed():
                raise ConnectionResetError("the listening connection is gone")
            self._meters.show(await run_unit(runtime.sessions, store.count_untold))
            await asyncio.sleep(_COUNT_SECONDS)


@dataclass(frozen=True, slots=True)
class _Meters:
    attempts: Counter
    undelivered: Gauge

    @classmethod
    def create(cls, runtime: Runtime) -> "_Meters":
        registry = runtime.metrics.registry
        return cls(
            Counter("huiying_alert_attempts", "Attempts by result", ["state"], registry=registry),
            Gauge("huiying_alerts_undelivered", "Deliveries by state", ["state"], registry=registry),
        )

    def show(self, counts: Mapping[str, int]) -> None:
        for state in State:
            if state is not State.SENT:
                self.undelivered.labels(state.value).set(counts.get(state.value, 0))


def _note(job: Job, reached: State | None, report: Report) -> None:
    about = {"delivery_id": str(job.delivery_id), "attempt": job.attempt, "reason": report.reason}
    match reached:
        case State.SENT:
            _log.info("alert_sent", **about)
        case State.FAILED | State.UNKNOWN:
            _log.error("alert_not_delivered", state=reached.value, **about)
        case _:
            _log.warning("alert_attempt_failed", **about)


def _pace(url: str | None) -> timedelta:
    try:
        return timedelta(0) if url is None else pace_of(parse(url))
    except AddressError:
        return timedelta(0)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in a task of its own; a cancelled caller still gives it a while to end."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_STOP_SECONDS)
        task.cancel()
        raise
