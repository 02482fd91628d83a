"""Intake on real Kafka: its events get there in order, and what dispatch says shows on the tracking page."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.dispatch import (
    AnswerContent,
    Assigned,
    AssignmentAccepted,
    AssignmentAnswered,
    AssignmentCompleted,
    Clock,
    ClockBasis,
    ClockKind,
    DeadlineMissed,
)
from shared.contracts.intake import Urgency
from tests.support.infrastructure import PostgresServer
from tests.support.intake import report, rule_book, units
from tests.support.publishing import Publisher, publishing
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

REGISTERED = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return REGISTERED + timedelta(minutes=minutes)


@dataclass
class Running:
    """One intake, and somebody who speaks as the others."""

    system: System
    publisher: Publisher
    client: httpx.AsyncClient

    async def register(self, **fields: Any) -> UUID:
        response = await self.client.post("/api/complaints", json=report(**fields))
        assert response.status_code == 201, response.text
        return UUID(response.json()["complaint_id"])

    async def view(self, complaint: UUID) -> dict[str, Any]:
        token = await self.system.value(
            "intake", "SELECT tracking_token FROM complaints WHERE id = $1", complaint
        )
        view: dict[str, Any] = (await self.client.get(f"/api/track/{token}")).json()
        return view

    async def reaches(self, complaint: UUID, state: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            view = await self.view(complaint)
            return view if view["state"] == state else None

        found: dict[str, Any] | None = await eventually(reached, timeout=30)
        assert found
        return found


@asynccontextmanager
async def running_intake(kafka: str, postgres: PostgresServer) -> AsyncIterator[Running]:
    system = await prepared_system(kafka, postgres, ["intake"])
    async with publishing(kafka, system.prefix) as publisher:
        await publisher.publish(*units(), rule_book())
        service = await system.start("intake")
        try:
            async with system.client("intake") as client:
                yield Running(system, publisher, client)
        finally:
            await service.stop()


@pytest.fixture
async def intake(kafka: str, postgres: PostgresServer) -> AsyncIterator[Running]:
    async with running_intake(kafka, postgres) as made:
        yield made


def clock(kind: ClockKind, due_at: datetime) -> Clock:
    return Clock(deadline_id=uuid4(), kind=kind, basis=ClockBasis.NATURAL, budget_minutes=30, due_at=due_at)


def assigned(complaint: UUID, unit: str = "water") -> Assigned:
    return Assigned(
        complaint_id=complaint,
        unit=unit,
        assigned_at=at(1),
        registered_at=REGISTERED,
        category="water.leak",
        urgency=Urgency.P2,
        reason="类别",
        fallback=False,
        standard="std",
        rule_book_version=1,
        calendar_version=1,
        clocks=(
            clock(ClockKind.ACCEPT, at(30)),
            clock(ClockKind.ARRIVE, at(60)),
            clock(ClockKind.ANSWER, at(90)),
        ),
    )


def missed(complaint: UUID) -> DeadlineMissed:
    return DeadlineMissed(
        complaint_id=complaint,
        unit="water",
        deadline_id=uuid4(),
        kind=ClockKind.ACCEPT,
        basis=ClockBasis.NATURAL,
        budget_minutes=30,
        elapsed_minutes=30,
        workdays_late=0,
        registered_at=REGISTERED,
        due_at=at(30),
        urgency=Urgency.P2,
        standard="std",
        rule_book_version=1,
        calendar_version=1,
    )


async def test_complaints_reach_kafka_content_and_event(intake: Running, kafka: str) -> None:
    made = [await intake.register(text=f"第 {number} 件", category="water.leak") for number in range(5)]
    topics = [intake.system.prefix + name for name in ("complaint.content", "complaint.events")]
    seen: dict[str, dict[str, Any]] = {topic: {} for topic in topics}
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, auto_offset_reset="earliest")
    async with consumer:
        while any(len(found) < len(made) for found in seen.values()):
            record = await consumer.getone()
            assert dict(record.headers)["ce_seq"] == b"1"
            seen[record.topic][record.key.decode()] = json.loads(record.value)
    assert all(set(found) == {str(one) for one in made} for found in seen.values())
    assert {one["text"] for one in seen[topics[0]].values()} == {f"第 {number} 件" for number in range(5)}
    assert all(one["category"] == "water.leak" and "text" not in one for one in seen[topics[1]].values())


async def test_what_dispatch_says_shows_on_the_page(intake: Running) -> None:
    complaint = await intake.register(category="water.leak", location="东区")
    publish = intake.publisher.publish

    await publish(assigned(complaint))
    view = await intake.reaches(complaint, "assigned")
    assert (view["unit_name"], view["unit_service_phone"]) == ("自来水分公司", "0990-6880501")
    steps = {step["state"]: step for step in view["steps"]}
    assert list(steps) == ["registered", "assigned", "accepted", "arrived", "answered"]
    assert datetime.fromisoformat(steps["accepted"]["due_at"]) == at(30)

    await publish(missed(complaint), AssignmentAccepted(complaint_id=complaint, unit="water", at=at(45)))
    view = await intake.reaches(complaint, "accepted")
    accepted = next(step for step in view["steps"] if step["state"] == "accepted")
    assert (accepted["done"], accepted["late"]) == (True, True)

    answer = AnswerContent(complaint_id=complaint, answer_id=uuid4(), text="接头已换<b>", answered_at=at(80))
    await publish(
        AssignmentCompleted(complaint_id=complaint, unit="water", at=at(70)),
        answer,
        AssignmentAnswered(complaint_id=complaint, unit="water", at=at(80), answer_id=answer.answer_id),
    )
    view = await intake.reaches(complaint, "answered")
    assert view["answer_text"] == "接头已换<b>"
    assert [step["state"] for step in view["steps"] if step["done"]] == [
        "registered",
        "assigned",
        "accepted",
        "completed",
        "answered",
    ]
    token = await intake.system.value("intake", "SELECT tracking_token FROM complaints")
    page = await intake.client.get(f"/track/{token}", headers={"accept": "text/html"})
    assert "接头已换&lt;b&gt;" in page.text
    assert "晚于承诺" in page.text


async def test_an_answer_event_waits_for_its_text(intake: Running) -> None:
    complaint = await intake.register()
    answer_id = uuid4()
    await intake.publisher.publish(
        assigned(complaint),
        AssignmentAnswered(complaint_id=complaint, unit="water", at=at(80), answer_id=answer_id),
    )
    await eventually(lambda: intake.system.value("intake", "SELECT count(*) FROM pending_events"), timeout=30)
    assert (await intake.view(complaint))["answer_text"] is None

    await intake.publisher.publish(
        AnswerContent(complaint_id=complaint, answer_id=answer_id, text="已处理", answered_at=at(80))
    )
    assert (await intake.reaches(complaint, "answered"))["answer_text"] == "已处理"
    await eventually(_nothing_waits(intake))


async def test_events_before_their_complaint_wait_and_twice_is_once(intake: Running) -> None:
    """Permuted and repeated events of many complaints end in the same state as those in order."""
    complaints = [await intake.register(text=f"第 {number} 件") for number in range(40)]
    records = []
    for complaint in complaints:
        answer = AnswerContent(complaint_id=complaint, answer_id=uuid4(), text="好了", answered_at=at(80))
        records += [
            intake.publisher.event(assigned(complaint)),
            intake.publisher.event(missed(complaint)),
            intake.publisher.event(AssignmentCompleted(complaint_id=complaint, unit="water", at=at(70))),
            intake.publisher.event(
                AssignmentAnswered(
                    complaint_id=complaint, unit="water", at=at(80), answer_id=answer.answer_id
                )
            ),
            intake.publisher.event(answer),
        ]
    await intake.publisher.send([*reversed(records), *records])

    for complaint in complaints:
        view = await intake.reaches(complaint, "answered")
        assert [step["late"] for step in view["steps"]] == [False, False, True, False, False]
    await eventually(_nothing_waits(intake), timeout=30)
    assert await intake.system.value("intake", "SELECT count(*) FROM dead_letters") == 0


def _nothing_waits(intake: Running) -> Any:
    async def nothing() -> bool:
        waiting: int = await intake.system.value("intake", "SELECT count(*) FROM pending_events")
        return waiting == 0

    return nothing
