"""What wraps every request: forged posts and large bodies are refused, errors become problems."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.types import Message, Receive, Scope, Send

from shared.edge import Edge
from shared.metrics import Metrics
from shared.problems import FieldProblem, Problem, install


class Report(BaseModel):
    text: str = Field(min_length=1, max_length=5)
    floor: int = Field(default=1, ge=-2, lt=99)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    edge = Edge(app, service="test", metrics=Metrics(), answer_error=install(app, None), max_body=1000)

    @app.post("/api/reports")
    async def report(body: Report) -> dict[str, str]:
        return {"text": body.text}

    @app.post("/api/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}

    @app.get("/api/refused")
    async def refused() -> None:
        raise Problem(409, "这件事已经有人处理了", fields=[FieldProblem("state", "已办结")])

    @app.get("/api/broken")
    async def broken() -> None:
        raise RuntimeError("secret detail")

    @app.get("/api/away")
    async def away() -> None:
        raise OperationalError("SELECT secret", {}, ConnectionError())

    transport = httpx.ASGITransport(app=edge, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huiying.test") as found:
        yield found


def is_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    return problem


async def test_a_refusal_is_a_problem_with_fields(client: httpx.AsyncClient) -> None:
    problem = is_problem(await client.get("/api/refused"), 409)

    assert problem["detail"] == "这件事已经有人处理了"
    assert problem["errors"] == [{"field": "state", "message": "已办结"}]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "text", "必须填写"),
        ({"text": "一二三四五六"}, "text", "太长，最多 5 个字"),
        ({"text": ""}, "text", "太短"),
        ({"text": 7}, "text", "应为文字"),
        ({"text": "好", "floor": "三"}, "floor", "应为整数"),
        ({"text": "好", "floor": 1.5}, "floor", "应为整数"),
        ({"text": "好", "floor": -3}, "floor", "不能小于 -2"),
        ({"text": "好", "floor": 99}, "floor", "应小于 99"),
    ],
)
async def test_a_wrong_field_is_named_in_chinese_with_its_reason(
    client: httpx.AsyncClient, body: dict[str, Any], field: str, message: str
) -> None:
    problem = is_problem(await client.post("/api/reports", json=body), 422)

    assert problem["errors"] == [{"field": field, "message": message}]


async def test_broken_json_is_a_problem(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/reports", content=b"{", headers={"content-type": "application/json"})

    assert "JSON" in is_problem(response, 422)["detail"]


async def test_an_unknown_address_is_a_problem(client: httpx.AsyncClient) -> None:
    is_problem(await client.get("/api/nothing"), 404)


async def test_an_unexpected_error_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged:
        problem = is_problem(await client.get("/api/broken"), 500)

    assert "secret" not in json.dumps(problem)
    assert [str(line["exc_info"]) for line in logged if "exc_info" in line] == ["secret detail"]


async def test_a_database_that_is_away_is_a_503_saying_when_to_come_back(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/api/away")

    is_problem(response, 503)
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": b"http://\xff"},
    ],
)
async def test_a_post_made_by_another_site_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str | bytes]
) -> None:
    is_problem(await client.post("/api/reports", json={"text": "好"}, headers=headers), 403)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": "http://huiying.test"},
        {"authorization": "Bearer x", "sec-fetch-site": "cross-site"},
    ],
)
async def test_our_own_pages_and_programs_may_post(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post("/api/reports", json={"text": "好"}, headers=headers)

    assert response.json() == {"text": "好"}


async def test_a_body_beyond_the_limit_is_refused_by_its_length(client: httpx.AsyncClient) -> None:
    is_problem(await client.post("/api/raw", content=b"x" * 1001), 413)


async def test_a_body_beyond_the_limit_is_refused_also_without_a_length(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 400

    is_problem(await client.post("/api/raw", content=chunks()), 413)


@pytest.mark.parametrize(
    ("given", "kept"), [("abcdef-123456", True), ("short", False), ("bad\tvalue!", False)]
)
async def test_a_request_id_is_kept_if_it_is_one_and_made_otherwise(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    response = await client.get("/api/refused", headers={"x-request-id": given})

    assert (response.headers["x-request-id"] == given) is kept
    assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_a_client_that_leaves_in_the_middle_is_no_failure_of_ours() -> None:
    async def reads(scope: Scope, receive: Receive, _send: Send) -> None:
        await Request(scope, receive).body()

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def nobody(message: Message) -> None:
        raise AssertionError(message)

    metrics = Metrics()
    edge = Edge(reads, service="test", metrics=metrics, answer_error=install(FastAPI(), None))
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"9")]}
    with structlog.testing.capture_logs() as logged:
        await edge(scope, gone, nobody)

    assert [(line["log_level"], line["status"]) for line in logged] == [("info", 499)]


def test_every_message_template_can_be_filled() -> None:
    from shared.problems import _MESSAGES

    bounds = dict.fromkeys(("max_length", "min_length", "ge", "gt", "le", "lt"), 5)
    fill: Callable[[str], str] = lambda text: text.format(**bounds)  # noqa: E731
    assert all("{" not in fill(text) for text in _MESSAGES.values())
