"""Assessment as a running service: events in on Kafka, statements out over HTTP."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.assessment.domain.facts import ClockKind
from shared.contracts.dispatch import Role
from shared.ids import uuid7
from shared.wire import Envelope
from tests.support.assessment import Facts
from tests.support.infrastructure import PostgresServer
from tests.support.publishing import Published, Publisher, SignIns, publishing
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

__all__ = ["APRIL", "LIMIT", "World", "assessing", "record", "two_late_cases"]

LIMIT = 120
APRIL = datetime(2019, 4, 10, 2, 0, tzinfo=UTC)


@dataclass
class World:
    """The running service, its Kafka side and a client who sees everything."""

    system: System
    publisher: Publisher
    sign_ins: SignIns
    office: httpx.AsyncClient

    async def publish(self, facts: Facts | Sequence[Envelope]) -> None:
        records = facts.envelopes if isinstance(facts, Facts) else facts
        await self.publisher.send(record(one) for one in records)

    async def taken(self, facts: Facts) -> None:
        """Wait until every event is applied."""

        async def all_taken() -> bool:
            reached = await self.system.value(
                "assessment",
                "SELECT coalesce(sum(last_seq), 0) FROM inbox WHERE topic LIKE '%.events'",
            )
            return int(reached) >= len(facts.envelopes)

        await eventually(all_taken, timeout=LIMIT / 2)

    async def statement(self, month: str = "2019-04", **query: str) -> dict[str, Any]:
        reply = await self.office.get(f"/assessment/api/statements/{month}", params=query)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    @asynccontextmanager
    async def client(self, role: Role, unit: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client of a new person whom the service knows by now."""
        token = await self.sign_ins.token(role, unit)
        async with self.system.client("assessment", token) as client:

            async def known() -> bool:
                return (await client.get("/assessment/api/statements/2019-04")).status_code == 200

            await eventually(known, timeout=LIMIT / 2)
            yield client


def record(envelope: Envelope) -> Published:
    raw = envelope.raw
    assert raw.key is not None
    assert raw.value is not None
    headers = [(name, value.encode()) for name, value in raw.headers.items()]
    return Published(raw.topic, raw.key, raw.value, headers, envelope.id)


@asynccontextmanager
async def assessing(kafka: str, postgres: PostgresServer) -> AsyncIterator[World]:
    system = await prepared_system(kafka, postgres, ["assessment"])
    async with publishing(kafka, system.prefix) as publisher:
        sign_ins = await publisher.directory()
        token = await sign_ins.token(Role.OFFICE, "office")
        service = await system.start("assessment")
        try:
            async with system.client("assessment", token) as office:
                yield World(system, publisher, sign_ins, office)
        finally:
            await service.stop()


def two_late_cases() -> tuple[Facts, UUID, UUID]:
    """A repair case late twice within 30 days of another: the second of a pair costs double."""
    facts = Facts()
    first, second = uuid7(), uuid7()
    for place, (case, at) in enumerate([(first, APRIL), (second, APRIL + timedelta(days=9))]):
        facts.register(case, at, f"HY-1904-{place:06d}-X")
        facts.assign(case, "repair", at)
        facts.miss(case, "repair", ClockKind.ACCEPT, at + timedelta(hours=8))
    return facts, first, second
