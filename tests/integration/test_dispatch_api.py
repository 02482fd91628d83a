"""The JSON routes about cases and recorded answers, as a program meets them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.dispatch.app import create_app
from services.dispatch.settings import DispatchSettings
from services.dispatch.usecases.directory import NewPerson, add_person, signing_key
from shared.auth import mint
from shared.clock import SystemClock
from shared.contracts.dispatch import Role
from shared.contracts.envelope import Origin
from shared.database import run_unit
from shared.ids import uuid7
from tests.support.dispatch import Desk, complaint, desk, minutes_ago
from tests.support.infrastructure import PostgresServer

CLOCK = SystemClock()


@dataclass
class Counter:
    """A desk with its HTTP side, reached in this process."""

    desk: Desk
    edge: Any

    async def client(self, role: Role | None, unit: str | None = None) -> httpx.AsyncClient:
        headers = {} if role is None else {"Authorization": f"Bearer {await self._token(role, unit)}"}
        transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1/dispatch/api", headers=headers
        )

    async def _token(self, role: Role, unit: str | None) -> str:
        async def work(session: Any) -> str:
            person = await add_person(session, NewPerson(uuid7().hex, "王建国", role, unit), CLOCK)
            key = await signing_key(session, CLOCK)
            return mint(key, person.id, token_id=str(uuid7()), now=CLOCK.now())

        return await run_unit(self.desk.sessions, work)


@pytest.fixture
async def counter(postgres: PostgresServer) -> AsyncIterator[Counter]:
    async with desk(postgres) as made:
        settings = DispatchSettings(database_url=made.dsn, kafka_bootstrap="127.0.0.1:1")
        edge = create_app(settings, CLOCK)
        yield Counter(made, edge)
        assert isinstance(edge.app, FastAPI)
        await edge.app.state.runtime.engine.dispose()


async def a_case(counter: Counter) -> UUID:
    return (await counter.desk.register(complaint(minutes_ago(7))))[0]


async def test_a_case_is_read_with_the_phone_masked(counter: Counter) -> None:
    case_id = await a_case(counter)
    async with await counter.client(Role.UNIT_MEMBER, "water") as client:
        response = await client.get(f"/cases/{case_id}")
        body = response.json()

    assert response.status_code == 200
    assert body["complainant_phone"] == "138****5678"
    assert "13812345678" not in response.text
    assert (body["state"], body["state_name"], body["unit_name"]) == ("assigned", "已派单", "自来水分公司")
    assert body["actions"] == ["accept"]
    assert [clock["kind"] for clock in body["clocks"]] == ["accept", "arrive", "complete", "answer"]
    assert body["answer"] is None


async def test_a_case_is_worked_on_step_by_step(counter: Counter) -> None:
    case_id = await a_case(counter)
    async with await counter.client(Role.UNIT_LEADER, "water") as client:
        accepted = await client.post(f"/cases/{case_id}/actions", json={"action": "accept"})
        again = await client.post(f"/cases/{case_id}/actions", json={"action": "accept"})
        empty = await client.post(f"/cases/{case_id}/actions", json={"action": "answer", "text": " "})
        unknown = await client.post(f"/cases/{case_id}/actions", json={"action": "dance"})
        answered = await client.post(
            f"/cases/{case_id}/actions", json={"action": "answer", "text": "已修好。"}
        )

    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    assert accepted.json()["history"][-1]["by"] == "王建国"
    assert (again.status_code, again.json()["detail"]) == (409, "任务现在是“已接单”，不能接单")
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "text")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "action")
    assert answered.json()["answer"]["text"] == "已修好。"
    assert (answered.json()["open"], answered.json()["actions"]) == (False, [])


@pytest.mark.parametrize(
    ("role", "unit", "read", "act"),
    [
        (None, None, 401, 401),
        (Role.UNIT_MEMBER, "hotel", 404, 404),
        (Role.OPERATOR, None, 200, 403),
        (Role.COMPANY_LEADER, None, 200, 403),
        (Role.OFFICE, None, 200, 200),
    ],
)
async def test_who_may_read_and_who_may_act(
    counter: Counter, role: Role | None, unit: str | None, read: int, act: int
) -> None:
    case_id = await a_case(counter)
    async with await counter.client(role, unit) as client:
        assert (await client.get(f"/cases/{case_id}")).status_code == read
        response = await client.post(f"/cases/{case_id}/actions", json={"action": "accept"})
        assert response.status_code == act
        assert (await client.get(f"/cases/{uuid4()}")).status_code == (401 if role is None else 404)
        assert (await client.get("/cases/not-an-id")).status_code == (401 if role is None else 422)


async def test_a_phone_is_revealed_with_a_reason_only(counter: Counter) -> None:
    case_id = await a_case(counter)
    async with await counter.client(Role.UNIT_MEMBER, "water") as client:
        case = (await client.get(f"/cases/{case_id}")).json()
        refused = await client.post(f"/cases/{case_id}/reveal", json={"reason": " "})
        shown = await client.post(f"/cases/{case_id}/reveal", json={"reason": "联系上门时间"})

    assert (case["complainant_phone"], case["location"]) == ("138****5678", "东区 ***")
    assert refused.status_code == 422
    assert shown.json() == {"name": "张女士", "phone": "13812345678", "location": "东区 12 号楼"}
    entries = await counter.desk.rows("SELECT action, detail->>'reason' FROM audit_entries")
    assert entries == [("case.reveal", "联系上门时间")]


def row(external_id: str, **more: Any) -> dict[str, Any]:
    answered_at = minutes_ago(60).isoformat()
    return {
        "source": "旧系统",
        "external_id": external_id,
        "text": "已处理。",
        "answered_at": answered_at,
    } | more


async def test_recorded_answers_are_imported_row_by_row(counter: Counter) -> None:
    pair = complaint(minutes_ago(3000), source="旧系统", external_id="1")
    await counter.desk.register(pair, origin=Origin.HISTORY)
    rows = [
        row("1"),
        row("2"),
        row("3", text="\n"),
        row("4", answered_at="2099-01-01T00:00:00Z"),
        row("5", answered_at="0001-01-01T00:00:00+14:00"),
    ]
    async with await counter.client(Role.OPERATOR) as client:
        first = await client.post("/answers/import", json={"rows": rows})
        second = await client.post("/answers/import", json={"rows": rows})
        waiting = await client.get("/answers/imported?state=waiting")

    body = first.json()
    assert (body["accepted"], body["already_there"], body["refused"]) == (2, 0, 3)
    assert [(one["external_id"], one["outcome"]) for one in body["rows"]] == [
        ("1", "accepted"),
        ("2", "accepted"),
        ("3", "refused"),
        ("4", "refused"),
        ("5", "refused"),
    ]
    early = "答复时间早于 2011 年，没有可用的时效标准"
    reasons = [one["reason"] for one in body["rows"]]
    assert reasons == [None, None, "请写答复内容", "答复时间在将来", early]
    assert (second.json()["accepted"], second.json()["already_there"]) == (0, 2)
    assert [one["external_id"] for one in waiting.json()] == ["2"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("1")] * 501,
        [row("1", answered_at="2019-04-01T09:00:00")],
        [row("1", answered_at="gestern")],
        [row("1", text=7)],
        [row("")],
        [row("1", colour="red")],
        "rows",
    ],
    ids=["none", "too many", "no zone", "no time", "no text", "no id", "unknown field", "no list"],
)
async def test_a_malformed_batch_is_refused_as_a_whole_and_names_the_field(
    counter: Counter, rows: Any
) -> None:
    async with await counter.client(Role.OFFICE) as client:
        response = await client.post("/answers/import", json={"rows": rows})

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].startswith("rows")
    assert await counter.desk.rows("SELECT 1 FROM imported_answers") == []


@pytest.mark.parametrize("role", [Role.UNIT_MEMBER, Role.UNIT_LEADER, Role.COMPANY_LEADER])
async def test_only_operators_the_office_and_administrators_import(counter: Counter, role: Role) -> None:
    async with await counter.client(role, "water" if role is not Role.COMPANY_LEADER else None) as client:
        assert (await client.post("/answers/import", json={"rows": [row("1")]})).status_code == 403
