"""Notify as a running service with its Kafka side, and the events that make it tell somebody."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.contracts.dispatch import (
    Assigned,
    AssignmentAnswered,
    Clock,
    ClockBasis,
    ClockKind,
    DeadlineMissed,
    Role,
)
from shared.contracts.envelope import Event
from shared.contracts.intake import Channel, ComplaintRegistered, Urgency
from tests.support.infrastructure import PostgresServer
from tests.support.publishing import Publisher, SignIns, publishing
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

__all__ = ["LIMIT", "QUICK", "Notify", "a_case", "assigned", "notify", "registered"]

LIMIT = 120
NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
QUICK: dict[str, Any] = {"first_retry_seconds": 0.05, "longest_retry_seconds": 0.1, "max_attempts": 3}


@dataclass
class Notify:
    """The running service, its Kafka side and an administrator's client."""

    system: System
    publisher: Publisher
    sign_ins: SignIns
    admin: httpx.AsyncClient

    async def add_channel(self, recipient: str, url: str, **more: Any) -> UUID:
        reply = await self.admin.post(
            "/notify/api/channels", json={"recipient": recipient, "url": url} | more
        )
        assert reply.status_code == 201, reply.text
        return UUID(reply.json()["channel_id"])

    async def deliveries(self) -> list[dict[str, Any]]:
        reply = await self.admin.get("/notify/api/deliveries", params={"limit": 200})
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["deliveries"]
        return found

    async def states(self) -> list[str]:
        return sorted(one["state"] for one in await self.deliveries())

    async def reach(self, *states: str) -> None:
        """Wait until the deliveries stand exactly so."""

        async def reached() -> bool:
            assert await self.states() == sorted(states)
            return True

        await eventually(reached, timeout=LIMIT / 3)

    async def settled(self) -> list[tuple[str, int]]:
        """State and attempt of each event on `alert.events`, in the order of their numbers."""
        rows = await self.system.rows(
            "notify",
            "SELECT convert_from(body, 'UTF8')::jsonb ->> 'state', "
            "(convert_from(body, 'UTF8')::jsonb ->> 'attempt')::int "
            "FROM outbox WHERE topic = 'alert.events' ORDER BY key, seq",
        )
        return [(state, attempt) for state, attempt in rows]

    async def drained(self, records: int) -> None:
        """Wait until the service has taken so many records of the event topics."""

        async def all_taken() -> bool:
            taken = await self.system.value("notify", "SELECT coalesce(sum(last_seq), 0) FROM inbox")
            return int(taken) == records

        await eventually(all_taken, timeout=LIMIT / 3)


@asynccontextmanager
async def notify(kafka: str, postgres: PostgresServer, **settings: Any) -> AsyncIterator[Notify]:
    system = await prepared_system(kafka, postgres, ["notify"])
    async with publishing(kafka, system.prefix) as publisher:
        sign_ins = await publisher.directory()
        token = await sign_ins.token(Role.ADMINISTRATOR)
        service = await system.start("notify", **QUICK | settings)
        try:
            async with system.client("notify", token) as admin:
                yield Notify(system, publisher, sign_ins, admin)
        finally:
            await service.stop()


def registered(complaint_id: UUID) -> ComplaintRegistered:
    return ComplaintRegistered(
        complaint_id=complaint_id, number="HY-2611-000001-K", channel=Channel.WEB, registered_at=NOW
    )


def assigned(complaint_id: UUID, unit: str = "repair") -> Assigned:
    clock = Clock(
        deadline_id=uuid4(),
        kind=ClockKind.ACCEPT,
        basis=ClockBasis.NATURAL,
        budget_minutes=10,
        due_at=NOW + timedelta(minutes=10),
    )
    return Assigned(
        complaint_id=complaint_id,
        unit=unit,
        assigned_at=NOW,
        registered_at=NOW,
        category="repair.outage",
        urgency=Urgency.P2,
        reason="类别",
        fallback=False,
        standard="T-REPAIR-OUTAGE",
        rule_book_version=1,
        calendar_version=1,
        clocks=(clock,),
    )


def missed(complaint_id: UUID, unit: str = "repair") -> DeadlineMissed:
    return DeadlineMissed(
        complaint_id=complaint_id,
        unit=unit,
        deadline_id=uuid4(),
        kind=ClockKind.ACCEPT,
        basis=ClockBasis.NATURAL,
        budget_minutes=10,
        elapsed_minutes=10,
        workdays_late=0,
        registered_at=NOW,
        due_at=NOW + timedelta(minutes=10),
        urgency=Urgency.P2,
        standard="T-REPAIR-OUTAGE",
        rule_book_version=1,
        calendar_version=1,
    )


def answered(complaint_id: UUID, unit: str = "repair") -> AssignmentAnswered:
    return AssignmentAnswered(complaint_id=complaint_id, unit=unit, at=NOW, answer_id=uuid4())


def a_case(complaint_id: UUID) -> Sequence[Event]:
    return registered(complaint_id), assigned(complaint_id), missed(complaint_id), answered(complaint_id)
