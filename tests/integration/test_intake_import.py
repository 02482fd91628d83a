"""Importing what was registered elsewhere: idempotent, in its own time, each row on its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.contracts.dispatch import Role
from tests.support.infrastructure import PostgresServer
from tests.support.intake import Desk, serving


@pytest.fixture
async def desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with serving(postgres, replicas=2) as made:
        yield made


def row(external_id: str, **more: Any) -> dict[str, Any]:
    return {
        "source": "2020",
        "external_id": external_id,
        "registered_at": "2019-04-30T16:30:00Z",
        "text": f"\n\t\t\n路灯 {external_id} 不亮_x000D_\n\t",
        "subject": " 路灯 ",
        **more,
    }


async def send(
    desk: Desk, *rows: Any, headers: dict[str, str] | None = None, replica: int = 0
) -> httpx.Response:
    bearer = headers or await desk.bearer(Role.OFFICE)
    return await desk.clients[replica].post("/api/imports", json={"rows": rows}, headers=bearer)


async def test_a_row_keeps_its_time_and_is_history(desk: Desk) -> None:
    response = await send(desk, row("17355", category="water.leak", phone="13812345678"))

    assert response.status_code == 200, response.text
    outcome = response.json()["rows"][0]
    assert (outcome["outcome"], outcome["external_id"]) == ("accepted", "17355")
    assert outcome["number"].startswith("HY-1905-")  # already May in Asia/Shanghai
    kept = await desk.rows(
        "SELECT id::text, number, channel, origin, source, external_id, registered_at::text FROM complaints"
    )
    assert kept == [
        (
            outcome["complaint_id"],
            outcome["number"],
            "import",
            "history",
            "2020",
            "17355",
            "2019-04-30 16:30:00+00",
        )
    ]
    assert await desk.rows("SELECT subject, text FROM contents") == [("路灯", "路灯 17355 不亮")]
    headers = await desk.rows("SELECT headers->>'ce_origin', headers->>'ce_time' FROM outbox")
    assert headers == [("history", "2019-04-30T16:30:00+00:00")] * 2
    assert await desk.rows("SELECT action FROM audit_entries") == [("imported",)]


async def test_a_second_import_changes_nothing(desk: Desk) -> None:
    rows = [row(str(number)) for number in range(500)]
    first = (await send(desk, *rows)).json()
    counts = await desk.counts()
    again = (await send(desk, *reversed(rows))).json()

    assert (first["accepted"], first["already_there"], first["refused"]) == (500, 0, 0)
    assert (again["accepted"], again["already_there"], again["refused"]) == (0, 500, 0)
    assert [one["external_id"] for one in first["rows"]] == [one["external_id"] for one in rows]
    numbers = {one["external_id"]: one["number"] for one in first["rows"]}
    assert numbers == {one["external_id"]: one["number"] for one in again["rows"]}
    assert await desk.counts() == counts


async def test_the_same_rows_at_once_by_two_replicas(desk: Desk) -> None:
    rows = [row(str(number)) for number in range(200)]
    bearer = await desk.bearer(Role.OFFICE)
    answers = await asyncio.gather(
        send(desk, *rows, headers=bearer),
        send(desk, *reversed(rows), headers=bearer, replica=1),
        send(desk, *rows[::2], headers=bearer, replica=1),
    )
    assert [one.status_code for one in answers] == [200, 200, 200]
    assert sum(one.json()["accepted"] for one in answers) == 200
    assert sum(one.json()["refused"] for one in answers) == 0
    counts = await desk.counts()
    assert (counts["complaints"], counts["contents"], counts["outbox"]) == (200, 200, 400)


BAD_ROWS: list[tuple[Any, str, str]] = [
    (row("b1", registered_at="2099-01-01T00:00:00Z"), "registered_at", "将来"),
    (row("b2", registered_at="2010-12-31T23:59:59+08:00"), "registered_at", "早于 2011 年"),
    (row("b2", registered_at="0001-01-01T00:00:00+14:00"), "registered_at", "早于 2011 年"),
    (row("b3", registered_at="2019-04-01T00:00:00"), "registered_at", "时区"),
    (row("b4", registered_at="2019-02-30T00:00:00Z"), "registered_at", "时间"),
    (row("b5", registered_at=1554076800), "registered_at", "时区"),
    (row("b6", text=" \n\t"), "text", "必须填写"),
    (row("b7", text="字" * 20_001), "text", "太长"),
    (row("b8", text=None), "text", "应为文字"),
    (row("b9", category="nonsense"), "category", "没有这个类别"),
    (row("b10", phone="138****5678"), "phone", "手机号"),
    (row("b11", source=" "), "source", "必须填写"),
    (row("x" * 201), "external_id", "太长"),
    (row(""), "external_id", "必须填写"),
    (row("b12", colour="red"), "colour", "没有这个字段"),
    ({"external_id": "b13"}, "text", "必须填写"),
    ("no row at all", "内容", "应为对象"),
]


async def test_a_bad_row_refuses_itself_only(desk: Desk) -> None:
    good = [row(f"g{number}", registered_at="2011-01-01T00:00:00+08:00") for number in range(len(BAD_ROWS))]
    mixed = [one for pair in zip(good, (bad for bad, _, _ in BAD_ROWS), strict=True) for one in pair]

    answer = (await send(desk, *mixed)).json()

    assert (answer["accepted"], answer["refused"]) == (len(good), len(BAD_ROWS))
    for outcome, (_, field, reason) in zip(answer["rows"][1::2], BAD_ROWS, strict=True):
        assert outcome["outcome"] == "refused"
        assert outcome["number"] is None
        reasons = {one["field"]: one["message"] for one in outcome["reasons"]}
        assert reason in reasons[field], outcome
    assert (await desk.counts())["complaints"] == len(good)


async def test_one_id_with_two_contents_is_refused(desk: Desk) -> None:
    within = (await send(desk, row("1"), row("1"), row("1", text="另一件事"))).json()
    assert [one["outcome"] for one in within["rows"]] == ["accepted", "already_there", "refused"]
    later = (await send(desk, row("1", registered_at="2019-05-01T00:00:00Z"), row("1"))).json()
    assert [one["outcome"] for one in later["rows"]] == ["refused", "already_there"]
    assert later["rows"][0]["reasons"][0]["field"] == "external_id"
    assert (await desk.counts())["complaints"] == 1
    other_source = (await send(desk, row("1", source="2021"))).json()
    assert other_source["accepted"] == 1


async def test_dirt_is_cleaned_where_that_is_safe(desk: Desk) -> None:
    dirty = row("1", text="a\x00b\ud800c\u202ed")
    body = json.dumps({"rows": [dirty]}).encode()
    response = await desk.client.post("/api/imports", content=body, headers=await desk.bearer(Role.OPERATOR))
    assert response.json()["accepted"] == 1, response.text
    assert await desk.value("SELECT text FROM contents") == "abcd"


async def test_who_may_import_and_what_is_no_import(desk: Desk) -> None:
    office = await desk.bearer(Role.OFFICE)
    assert (await desk.client.post("/api/imports", json={"rows": []})).status_code == 401
    member = await desk.bearer(Role.UNIT_MEMBER, "water")
    assert (await send(desk, row("1"), headers=member)).status_code == 403
    assert (await send(desk, headers=office)).json()["rows"] == []
    for body in (b"", b"[]", b"{", b'{"rows": 5}', b"[" * 100_000, b'{"rows": [], "x": 1}'):
        response = await desk.client.post("/api/imports", content=body, headers=office)
        assert response.status_code == 422, body
        assert response.json()["errors"]
    too_many = await send(desk, *[row("1")] * 501, headers=office)
    assert too_many.status_code == 422
    assert too_many.json()["errors"] == [{"field": "rows", "message": "太多，最多 500 项"}]


async def test_how_far_an_import_has_come(desk: Desk) -> None:
    office = await desk.bearer(Role.OFFICE)
    await send(desk, row("1"), row("2"), headers=office)
    response = await desk.client.get("/api/imports/progress", params={"source": "2020"}, headers=office)
    assert response.json() == {"source": "2020", "states": {"registered": 2}}
