"""Text that no database can hold (a NUL, half of a surrogate pair) is refused and never a failure of ours."""

import json
from typing import Any

import httpx
import pytest

from shared.contracts.dispatch import Role
from tests.integration.test_dispatch_api import Counter, a_case, counter, row
from tests.support.infrastructure import PostgresServer
from tests.support.intake import serving

__all__ = ["counter"]

UNFIT = pytest.mark.parametrize("unfit", ["\x00", "\ud800"], ids=["nul", "surrogate"])
WHY = "含有不能保存的字符"


async def send(client: httpx.AsyncClient, path: str, body: Any, method: str = "POST") -> httpx.Response:
    """Send JSON with every character beyond ASCII escaped, which is how half of a pair comes in."""
    kind = {"Content-Type": "application/json"}
    return await client.request(method, path, content=json.dumps(body), headers=kind)


def is_refused(response: httpx.Response) -> None:
    assert response.status_code == 422, response.text
    assert WHY in response.json()["detail"]


@pytest.mark.parametrize(
    "path",
    ["/track/a%00b", "/registered/a%00b", "/api/track/a%00b", "/api/complaints/HY%00"],
)
async def test_a_nul_in_a_public_address_leads_nowhere(postgres: PostgresServer, path: str) -> None:
    async with serving(postgres) as made:
        page = await made.client.get(path, headers={"Accept": "text/html"})
        reply = await made.client.get(path)

    assert (page.status_code, reply.status_code) == (404, 404)


async def test_a_nul_in_a_query_is_refused(postgres: PostgresServer, counter: Counter) -> None:
    async with serving(postgres) as made:
        headers = await made.bearer(Role.OPERATOR)
        progress = await made.client.get("/api/imports/progress?source=a%00", headers=headers)
        page = await made.client.get("/track?number=%00&phone_tail=1234", headers={"Accept": "text/html"})
    async with await counter.client(Role.OPERATOR) as client:
        feed = await client.get("/feed?unit=a%00")

    assert [progress.status_code, page.status_code, feed.status_code] == [400, 400, 400]
    assert WHY in progress.json()["detail"]
    assert WHY in page.text


@UNFIT
async def test_unfit_text_in_json_is_refused(counter: Counter, unfit: str) -> None:
    case_id = await a_case(counter)
    person = {"account": "abcd", "name": f"王{unfit}", "role": "office", "password": "sdfkjw3r98sdfkj"}
    async with (
        await counter.client(None) as anybody,
        await counter.client(Role.UNIT_MEMBER, "water") as member,
        await counter.client(Role.ADMINISTRATOR) as administrator,
    ):
        is_refused(await send(anybody, "/sign-in", {"account": f"a{unfit}b", "password": "x"}))
        is_refused(await send(member, f"/cases/{case_id}/reveal", {"reason": f"ab{unfit}"}))
        is_refused(await send(administrator, "/persons", person))
        is_refused(await send(administrator, "/services", {"unit": f"w{unfit}", "name": "x"}))
        is_refused(await send(administrator, "/services", {"unit": "water", "name": f"x{unfit}"}))
    assert await counter.desk.rows("SELECT 1 FROM audit_entries WHERE action = 'case.reveal'") == []


@UNFIT
async def test_an_unknown_field_of_unfit_name_is_refused(counter: Counter, unfit: str) -> None:
    async with await counter.client(Role.OPERATOR) as client:
        reply = await send(client, "/answers/import", {"rows": [row("1") | {f"a{unfit}": 1}]})

    assert reply.status_code == 422


async def test_a_nul_in_a_form_is_refused_on_a_page(counter: Counter) -> None:
    case_id = await a_case(counter)
    html = {"Accept": "text/html"}
    async with await counter.client(None) as client:
        url = "http://127.0.0.1/dispatch/sign-in"
        sign_in = await client.post(url, data={"account": "a\x00b", "password": "x"}, headers=html)
    async with await counter.client(Role.UNIT_MEMBER, "water") as client:
        url = f"http://127.0.0.1/dispatch/cases/{case_id}/reveal"
        reveal = await client.post(url, data={"reason": "ab\x00"}, headers=html)

    for page in (sign_in, reveal):
        assert (page.status_code, WHY in page.text) == (422, True)


@UNFIT
@pytest.mark.parametrize("field", ["source", "external_id"])
async def test_a_recorded_answer_with_an_unfit_name_is_refused_alone(
    counter: Counter, field: str, unfit: str
) -> None:
    rows = [row("1"), row("2") | {field: f"a{unfit}"}]
    async with await counter.client(Role.OPERATOR) as client:
        body = (await send(client, "/answers/import", {"rows": rows})).json()

    assert [(one["outcome"], one["reason"]) for one in body["rows"]] == [
        ("accepted", None),
        ("refused", WHY),
    ]
