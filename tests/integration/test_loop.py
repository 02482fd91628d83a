"""The whole loop over Kafka: a report is registered, assigned, answered, scored, told and tracked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.dispatch.usecases.accounts import mint_command_token, seed_people
from shared.clock import SystemClock
from shared.database import create_engine, create_sessions, run_unit
from tests.support.infrastructure import PostgresServer
from tests.support.system import System, prepared_system, started
from tests.support.wait import eventually

LIMIT = 60


@pytest.fixture
async def system(kafka: str, postgres: PostgresServer) -> AsyncIterator[System]:
    prepared = await prepared_system(kafka, postgres)
    engine = create_engine(prepared.dsn["dispatch"])
    sessions = create_sessions(engine)
    clock = SystemClock()
    prepared.people = await run_unit(sessions, lambda session: seed_people(session, clock, demo=True))
    prepared.token = await run_unit(sessions, lambda session: mint_command_token(session, clock))
    await engine.dispose()
    async with started(prepared):
        yield prepared


async def answered(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_live_report_goes_round_the_whole_loop(system: System) -> None:
    async with system.client("intake") as public:
        body = {"text": "二号楼水管爆裂，水一直往外喷", "location": "二号楼", "phone": "13800138000"}
        first = await public.post("/api/complaints", json=body, headers={"Idempotency-Key": "loop-1"})
        again = await public.post("/api/complaints", json=body, headers={"Idempotency-Key": "loop-1"})
    assert first.status_code == again.status_code == 201, first.text
    assert first.content == again.content
    complaint = first.json()["complaint_id"]

    case = f"/dispatch/api/cases/{complaint}"
    member = next(one for one in system.people if one.unit == "water")
    async with system.client("dispatch") as unit, system.client("dispatch", system.token) as office:
        found = await eventually(lambda: _case(office, case), timeout=LIMIT)
        assert found["unit"] == "water"
        signed_in = await unit.post(
            "/dispatch/api/sign-in", json={"account": member.account, "password": member.password}
        )
        assert signed_in.status_code == 200, signed_in.text
        for action in ("accept", "arrive", "complete"):
            done = await unit.post(f"{case}/actions", json={"action": action})
            assert done.status_code < 300, done.text
        text = "水管已更换，给您添麻烦了。"
        done = await unit.post(f"{case}/actions", json={"action": "answer", "text": text})
        assert done.status_code < 300, done.text

    token = first.json()["tracking_url"].rsplit("/", 1)[-1]
    async with system.client("intake") as public:
        tracked = await eventually(lambda: _answer(public, token), timeout=LIMIT)
    assert tracked == text
    await eventually(lambda: _is_scored(system, complaint), timeout=LIMIT)
    assert await system.value("assessment", "SELECT count(*) FROM ledger") == 0


async def _case(client: httpx.AsyncClient, path: str) -> dict[str, Any] | None:
    response = await client.get(path)
    return response.json() if response.status_code == 200 else None


async def _answer(client: httpx.AsyncClient, token: str) -> str | None:
    found = await answered(client, f"/api/track/{token}")
    return found["answer_text"]


async def _is_scored(system: System, complaint: str) -> bool:
    rows = await system.rows(
        "assessment", "SELECT answered_at FROM cases WHERE complaint_id = $1::uuid", complaint
    )
    return bool(rows) and rows[0][0] is not None


async def test_imported_history_ends_in_a_statement_whose_evidence_can_be_shown(system: System) -> None:
    registered_at = datetime(2019, 4, 1, 1, 12, tzinfo=UTC)
    rows = [
        {
            "source": "loop",
            "external_id": str(n),
            "subject": "水压不足",
            "text": f"三号楼 {n} 单元水压不足，早晚没有水",
            "registered_at": (registered_at + timedelta(days=n)).isoformat(),
        }
        for n in range(3)
    ]
    replies = [
        {
            "source": "loop",
            "external_id": str(n),
            "text": "已经更换水泵，水压恢复正常。",
            "answered_at": (registered_at + timedelta(days=n + 12)).isoformat(),
        }
        for n in range(3)
    ]
    async with system.client("dispatch", system.token) as dispatch:
        sent = await dispatch.post("/dispatch/api/answers/import", json={"rows": replies})
        assert sent.status_code == 200, sent.text
    async with system.client("intake", system.token) as intake:
        for _ in range(2):
            sent = await intake.post("/api/imports", json={"rows": rows})
            assert sent.status_code == 200, sent.text
    assert {one["outcome"] for one in sent.json()["rows"]} == {"already_there"}

    async with system.client("assessment", system.token) as assessment:
        await eventually(lambda: _has_three_misses(system), timeout=LIMIT)
        statement = await answered(assessment, "/assessment/api/statements/2019-04")
        entries = [entry for unit in statement["units"] for entry in unit["entries"]]
        assert len(statement["units"]) == 9
        base = [entry["amount_fen"] for entry in entries if ":" not in entry["occurrence"]]
        assert base == [-10_000, -20_000, -20_000]  # no answer in time, then twice a repeat within 30 days
        assert sum(unit["total_fen"] for unit in statement["units"]) == sum(
            entry["amount_fen"] for entry in entries
        )
        for entry in entries:
            for event_id in entry["evidence"]:
                evidence = await answered(assessment, f"/assessment/api/evidence/{event_id}")
                assert evidence["body"]["stopped_at"] is not None
    assert await system.value("notify", "SELECT count(*) FROM alerts") == 0


async def _has_three_misses(system: System) -> bool:
    return bool(await system.value("assessment", "SELECT count(*) FROM misses") == 3)


async def test_a_disabled_person_is_refused_by_every_service_within_five_seconds(system: System) -> None:
    member = next(one for one in system.people if one.unit == "water")
    async with system.client("dispatch", system.token) as office, system.client("dispatch") as unit:
        await unit.post(
            "/dispatch/api/sign-in", json={"account": member.account, "password": member.password}
        )
        cookies = dict(unit.cookies)
        async with httpx.AsyncClient(base_url=system.services["notify"].url, cookies=cookies) as other:
            await eventually(lambda: _status_is(other, "/notify/api/deliveries", 200), timeout=5)
            persons = (await office.get("/dispatch/api/persons")).json()
            person = next(one for one in persons if one["account"] == member.account)
            changed = await office.patch(f"/dispatch/api/persons/{person['id']}", json={"disabled": True})
            assert changed.status_code == 200, changed.text
            await eventually(lambda: _status_is(other, "/notify/api/deliveries", 401), timeout=5)
            await eventually(lambda: _status_is(unit, "/dispatch/api/feed", 401), timeout=5)


async def _status_is(client: httpx.AsyncClient, path: str, status: int) -> bool:
    return (await client.get(path)).status_code == status
