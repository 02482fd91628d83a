"""One audit: read all facts in the right order, judge them, report."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from deploy.auditor.conservation import Reply, check_conservation
from deploy.auditor.consumption import WAIT_LIMIT
from deploy.auditor.databases import Database
from deploy.auditor.effects import check_effects
from deploy.auditor.facts import Snapshot
from deploy.auditor.holdings import read_assessment, read_dispatch, read_intake, read_notify
from deploy.auditor.kafka_log import Kafka
from deploy.auditor.layout import GROUPS, SERVICES
from deploy.auditor.money import check_money
from deploy.auditor.offsets import check_offsets
from deploy.auditor.promise import check_promise
from deploy.auditor.publication import check_publication
from deploy.auditor.registration import check_registration
from deploy.auditor.verdict import Report

__all__ = ["SETTLE_SECONDS", "Installation", "audit", "judge", "read_snapshot", "wait_until_quiet"]

SETTLE_SECONDS = 5.0
_LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Installation:
    """Where to read: a database address per service, Kafka, and the prefix of its topics and groups."""

    databases: Mapping[str, str]
    kafka: str
    prefix: str = ""

    def database(self, service: str) -> Database:
        """The database of a service."""
        return Database(service, self.databases[service])


async def audit(
    installation: Installation,
    *,
    settle: float = SETTLE_SECONDS,
    wait: float = 0.0,
    strict: bool = False,
    replies: Sequence[Reply] = (),
) -> Report:
    """Audit an installation. OSError, PostgresError or KafkaError where something cannot be read.

    What is younger than `settle` seconds is under way. Waits at most `wait` seconds until nothing is. With
    `strict`, checking nothing is a failure even where no complaint exists. `replies` is a client's ledger.
    """
    if wait > 0:
        await wait_until_quiet(installation, wait)
    return judge(await read_snapshot(installation, settle), strict=strict, replies=replies)


async def read_snapshot(installation: Installation, settle: float = SETTLE_SECONDS) -> Snapshot:
    """Read all facts once: the log, then what the services hold, then the outboxes."""
    databases = {service: installation.database(service) for service in SERVICES}
    instants = {service: await database.instant() for service, database in databases.items()}
    now_ms = int(instants["intake"].timestamp() * 1000)
    log = await Kafka(installation.kafka, installation.prefix).read(now_ms=now_ms)
    async with AsyncExitStack() as stack:
        open_ones: dict[str, Any] = {}
        for service, database in databases.items():
            open_ones[service] = await stack.enter_async_context(database.reading())
        deliveries = {name: await Database.delivery(one) for name, one in open_ones.items()}
        intake = await read_intake(open_ones["intake"])
        dispatch = await read_dispatch(open_ones["dispatch"])
        assessment = await read_assessment(open_ones["assessment"])
        notified = await read_notify(open_ones["notify"])
    outbox = {}
    for service, database in databases.items():
        outbox.update(await database.outbox(instants[service]))
    return Snapshot(log, outbox, deliveries, intake, dispatch, assessment, notified, settle)


def judge(snapshot: Snapshot, *, strict: bool = False, replies: Sequence[Reply] = ()) -> Report:
    """Check every invariant of a snapshot."""
    findings = (
        check_conservation(snapshot, replies),
        check_registration(snapshot),
        check_publication(snapshot),
        check_effects(snapshot),
        check_money(snapshot),
        check_promise(snapshot),
        check_offsets(snapshot),
    )
    announced = next(finding.in_flight for finding in findings if finding.id == "I2")
    must_check = strict or len(snapshot.intake.complaints) > announced
    empty = tuple(one.id for one in findings if one.checked == 0) if must_check else ()
    in_flight = {
        "unpublished": sum(not row.published for row in snapshot.outbox.values()),
        "lag": sum(snapshot.log.lag(group.name, group.topics) for group in GROUPS),
        "waiting": sum(len(keys) for one in snapshot.deliveries.values() for keys in one.pending.values()),
    }
    return Report(findings, in_flight, empty)


async def wait_until_quiet(installation: Installation, limit: float) -> bool:
    """Wait at most `limit` seconds until nothing is under way; tell whether that came."""
    give_up = time.monotonic() + limit
    while True:
        if sum((await _moving(installation)).values()) == 0:
            return True
        if time.monotonic() >= give_up:
            return False
        await asyncio.sleep(_LOOK_EVERY)


async def _moving(installation: Installation) -> Mapping[str, int]:
    """Count what is under way in the installation. Outboxes first: what leaves one is in the log after."""
    found: dict[str, int] = {}
    for service in SERVICES:
        for name, count in (await installation.database(service).moving(WAIT_LIMIT)).items():
            found[name] = found.get(name, 0) + count
    log = await Kafka(installation.kafka, installation.prefix).positions()
    found["lag"] = sum(log.lag(group.name, group.topics) for group in GROUPS)
    return found
