"""Registering over HTTP on a real database: one complaint per report, all or nothing, and honest refusals."""

import asyncio
import json
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from starlette.types import Message

from services.intake.domain.numbers import parse_number
from services.intake.domain.reports import Report
from services.intake.usecases.group_commit import UnfitDraftError
from services.intake.usecases.register import Draft
from shared.contracts.dispatch import Role
from shared.contracts.intake import Channel
from tests.support.infrastructure import PostgresServer
from tests.support.intake import Desk, report, serving

FULL = {
    "text": " 厨房水管漏水_x000D_\n快来 ",
    "subject": "漏水",
    "location": "东区 12 号楼\n501",
    "category": "water.leak",
    "name": "张先生",
    "phone": "138 1234 5678",
}


@pytest.fixture
async def desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with serving(postgres) as made:
        yield made


async def test_a_report_becomes_a_complaint_with_its_events(desk: Desk) -> None:
    response = await desk.post(FULL)

    assert response.status_code == 201, response.text
    reply = response.json()
    assert parse_number(reply["number"]) == reply["number"]
    row = (await desk.rows("SELECT * FROM complaints"))[0]
    assert (str(row[0]), row[1], row[2], row[3], row[5]) == (
        reply["complaint_id"],
        reply["number"],
        "api",
        "water.leak",
        "registered",
    )
    assert reply["tracking_url"] == f"http://127.0.0.1:8080/track/{row[13]}"
    assert datetime.fromisoformat(reply["registered_at"]) == row[10]
    content = (await desk.rows("SELECT subject, text, location, name, phone FROM contents"))[0]
    assert content == ("漏水", "厨房水管漏水\n快来", "东区 12 号楼 501", "张先生", "+8613812345678")
    outbox = await desk.rows("SELECT topic, seq, key FROM outbox ORDER BY id")
    assert outbox == [
        ("complaint.content", 1, reply["complaint_id"]),
        ("complaint.events", 1, reply["complaint_id"]),
    ]
    assert await desk.rows("SELECT actor, action FROM audit_entries") == [("public", "registered")]


async def test_events_hold_personal_content_only_on_the_content_topic(desk: Desk) -> None:
    await desk.post(FULL)
    bodies = dict(await desk.rows("SELECT topic, convert_from(body, 'UTF8') FROM outbox"))
    assert "张先生" in bodies["complaint.content"]
    assert not any(one in bodies["complaint.events"] for one in ("张先生", "13812345678", "漏水", "12 号楼"))


async def test_the_same_key_and_report_get_the_same_bytes(desk: Desk) -> None:
    first = await desk.post(FULL, key="k-1")
    again = await desk.post(dict(reversed(FULL.items())), key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert await desk.counts() == {
        "complaints": 1,
        "contents": 1,
        "audit_entries": 1,
        "idempotency_keys": 1,
        "outbox": 2,
    }


async def test_the_same_key_and_another_report_is_refused(desk: Desk) -> None:
    await desk.post(report("一"), key="k-1")
    response = await desk.post(report("二"), key="k-1")

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"
    assert response.headers["content-type"] == "application/problem+json"
    assert (await desk.counts())["complaints"] == 1


async def test_a_key_is_short_and_plain(desk: Desk) -> None:
    for key in (b"", b"a b", "键".encode(), b"k" * 201):
        response = await desk.client.post(
            "/api/complaints", json=report(), headers=[(b"Idempotency-Key", key)]
        )
        assert response.status_code == 422, key


async def test_without_a_key_every_report_counts(desk: Desk) -> None:
    replies = await asyncio.gather(*(desk.post(report()) for _ in range(50)))
    assert len({one.json()["number"] for one in replies}) == 50
    assert (await desk.counts())["complaints"] == 50


async def test_two_replicas_with_shared_shuffled_keys(postgres: PostgresServer) -> None:
    """Every key goes several times to both replicas at once, shuffled; there is one complaint a key."""
    keys = [f"key-{number}" for number in range(120)]
    async with serving(postgres, replicas=2) as desk:
        sends = [(key, replica) for key in keys for replica in (0, 1) for _ in range(3)]
        random.Random(11).shuffle(sends)
        responses = await asyncio.gather(
            *(desk.post(report(f"正文 {key}"), replica=replica, key=key) for key, replica in sends)
        )

        assert Counter(one.status_code for one in responses) == {201: len(sends)}
        replies: dict[str, set[bytes]] = {}
        for (key, _), response in zip(sends, responses, strict=True):
            replies.setdefault(key, set()).add(response.content)
        assert all(len(same) == 1 for same in replies.values())
        assert await desk.counts() == {
            "complaints": len(keys),
            "contents": len(keys),
            "audit_entries": len(keys),
            "idempotency_keys": len(keys),
            "outbox": 2 * len(keys),
        }
        texts = await desk.rows("SELECT count(DISTINCT text) FROM contents")
        assert texts == [(len(keys),)]


async def test_same_key_with_other_reports_in_one_batch(desk: Desk) -> None:
    responses = await asyncio.gather(
        *(desk.post(report(f"第 {number % 2} 种"), key="k") for number in range(40))
    )
    assert Counter(one.status_code for one in responses) == {201: 20, 422: 20}
    assert (await desk.counts())["complaints"] == 1


def draft(text: str, key: str | None = None) -> Draft:
    made = Report(text=text, subject="", location="", name="", phone="", category=None, urgency=None)
    return Draft(made, Channel.API, datetime(2026, 11, 22, tzinfo=UTC), "public", key)


async def test_one_bad_row_never_fails_its_neighbours(desk: Desk) -> None:
    """What validation lets through and the database does not take fails alone."""
    registrations = desk.apps[0].app.state.desk.registrations  # type: ignore[attr-defined]
    drafts = [draft("坏\x00的" if number % 7 == 3 else "好的", f"k{number}") for number in range(50)]

    outcomes: list[Any] = await asyncio.gather(
        *(registrations.register(one) for one in drafts), return_exceptions=True
    )

    for one, outcome in zip(drafts, outcomes, strict=True):
        if "\x00" in one.report.text:
            assert isinstance(outcome, UnfitDraftError)
        else:
            assert str(one.id).encode() in outcome
    good = sum("\x00" not in one.report.text for one in drafts)
    assert (await desk.counts())["complaints"] == good
    assert (await desk.counts())["outbox"] == 2 * good


async def test_an_attempt_in_doubt_is_not_repeated(desk: Desk) -> None:
    """A draft whose commit was not heard of goes again with its id, and is found."""
    registrations = desk.apps[0].app.state.desk.registrations  # type: ignore[attr-defined]
    for one in (draft("无键"), draft("有键", "k")):
        first = await registrations.register(one)
        assert await registrations.register(one) == first
    assert (await desk.counts())["complaints"] == 2
    assert (await desk.counts())["outbox"] == 4


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"text": ""}, "text"),
    ({"text": "字" * 20_001}, "text"),
    ({"text": "x" * 2_000_000}, "text"),
    ({"text": "漏水", "category": "nonsense"}, "category"),
    ({"text": "漏水", "phone": "123"}, "phone"),
    ({"text": "漏水", "location": "x" * 201}, "location"),
    ({"text": "漏水", "urgency": "P1"}, "urgency"),
    ({"text": 5}, "text"),
    ({"text": "a\x00b"}, "text"),
    ({"text": "漏水", "colour": "red"}, "colour"),
]


async def test_refusals_name_field_and_reason(desk: Desk) -> None:
    for body, field in REFUSED:
        response = await desk.post(body)
        assert response.status_code == 422
        problem = response.json()
        assert [one["field"] for one in problem["errors"]] == [field]
        assert problem["detail"].startswith(field)
        assert problem["request_id"]
    assert (await desk.counts())["complaints"] == 0


async def test_a_body_beyond_all_bounds_is_too_large(desk: Desk) -> None:
    assert (await desk.post({"text": "x" * 5_000_000})).status_code == 413


async def test_another_method_is_told_which_one_is_right(desk: Desk) -> None:
    answer = await desk.client.put("/api/complaints", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


async def test_who_may_say_what(desk: Desk) -> None:
    operator = await desk.bearer(Role.OPERATOR)
    member = await desk.bearer(Role.UNIT_MEMBER, "water")
    phone = report(channel="phone", urgency="P1")

    taken = await desk.post(phone, headers=operator)
    assert taken.status_code == 201, taken.text
    assert await desk.rows("SELECT channel, urgency FROM complaints") == [("phone", "P1")]
    assert (await desk.post(phone, headers=member)).status_code == 403
    assert (await desk.post(report(channel="phone"))).status_code == 401
    assert (await desk.post(report(urgency="P2"), headers=member)).status_code == 201
    actors = {one for (one,) in await desk.rows("SELECT actor FROM audit_entries")}
    assert "public" not in actors


async def test_a_token_that_is_none_registers_as_the_public_does(desk: Desk) -> None:
    assert (await desk.post(report(), headers={"Authorization": "Bearer nonsense"})).status_code == 201
    assert await desk.value("SELECT actor FROM audit_entries") == "public"


async def test_too_many_are_told_so_and_given_a_phone(postgres: PostgresServer) -> None:
    async with serving(postgres, register_rate="3/minute") as desk:
        statuses = [(await desk.post(report())).status_code for _ in range(5)]
        refused = await desk.post(report())
        elsewhere = await desk.post(report(), headers={"X-Forwarded-For": "203.0.113.9"})
        service = await desk.bearer(Role.SERVICE)
        exempt = await asyncio.gather(*(desk.post(report(), headers=service) for _ in range(10)))

        assert statuses == [201, 201, 201, 429, 429]
        assert "0990-6880602" in refused.json()["detail"]
        assert "请过 1 分钟再试" in refused.json()["detail"]
        assert 30 < int(refused.headers["retry-after"]) <= 60
        assert elsewhere.status_code == 201
        assert {one.status_code for one in exempt} == {201}
        assert (await desk.counts())["complaints"] == 14


async def test_database_away_is_503_and_never_201(postgres: PostgresServer) -> None:
    async with serving(postgres) as desk:
        assert (await desk.post(report())).status_code == 201
        name = desk.dsn.rpartition("/")[2]
        admin = await asyncpg.connect(postgres.admin_url)
        try:
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
            )
            away = await asyncio.gather(*(desk.post(report(), key=f"k{n}") for n in range(20)))
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        finally:
            await admin.close()
        assert {one.status_code for one in away} == {503}
        assert {one.headers["retry-after"] for one in away} == {"5"}
        back = await asyncio.gather(*(desk.post(report(), key=f"k{n}") for n in range(20)))
        assert {one.status_code for one in back} == {201}
        assert (await desk.counts())["complaints"] == 21


async def test_lost_connections_in_the_middle_lose_nothing(postgres: PostgresServer) -> None:
    """Backends are killed while registrations run; every 201 is on disk, and no key has two complaints."""
    async with serving(postgres) as desk:
        admin = await asyncpg.connect(postgres.admin_url)
        name = desk.dsn.rpartition("/")[2]

        async def insist(key: str) -> bytes:
            while True:
                response = await desk.post(report(), key=key)
                if response.status_code == 201:
                    return response.content
                assert response.status_code == 503

        async def disturb() -> None:
            for _ in range(15):
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
                )

        keys = [uuid.uuid4().hex for _ in range(300)]
        replies, _ = await asyncio.gather(asyncio.gather(*(insist(key) for key in keys)), disturb())
        await admin.close()

        assert len(set(replies)) == len(keys)
        assert await desk.counts() == {
            "complaints": len(keys),
            "contents": len(keys),
            "audit_entries": len(keys),
            "idempotency_keys": len(keys),
            "outbox": 2 * len(keys),
        }


async def test_audit_entries_cannot_be_changed(desk: Desk) -> None:
    await desk.post(report())
    for statement in (
        "UPDATE audit_entries SET actor = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await desk.rows(statement)


async def test_openapi_describes_the_hot_path(desk: Desk) -> None:
    document = (await desk.client.get("/api/openapi.json")).json()
    post = document["paths"]["/api/complaints"]["post"]
    assert set(post["responses"]) == {"201", "422", "429", "503"}
    assert "text" in post["requestBody"]["content"]["application/json"]["schema"]["required"]


async def test_a_report_that_comes_in_pieces_is_registered_as_one(desk: Desk) -> None:
    raw = json.dumps(FULL).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(raw), 50):
            yield raw[start : start + 50]

    response = await desk.client.post("/api/complaints", content=pieces())

    assert response.status_code == 201, response.text
    assert await desk.rows("SELECT subject FROM contents") == [("漏水",)]


async def test_a_client_that_leaves_before_the_end_of_its_report_registers_nothing(desk: Desk) -> None:
    messages = iter(
        [{"type": "http.request", "body": b'{"text":', "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    async def nobody(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": "/api/complaints", "headers": [], "client": None}
    await desk.apps[0](scope, receive, nobody)

    assert await desk.rows("SELECT count(*) FROM complaints") == [(0,)]
