"""Every route of dispatch × every role × own, other and no unit, against the table in dispatch_access.txt."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import Mount

from services.dispatch.app import create_app
from services.dispatch.settings import DispatchSettings
from services.dispatch.usecases.directory import NewPerson, add_person
from shared.contracts.dispatch import Role
from shared.database import run_unit
from shared.ids import uuid7
from tests.support.dispatch_people import Dispatch, dispatch_app
from tests.support.infrastructure import PostgresServer

TABLE = Path(__file__).with_name("dispatch_access.txt")
NOT_ON_THE_GATEWAY = {"/livez", "/readyz", "/metrics"}
SUBJECTS = ("water", "repair", "nowhere")
OF_UNITS = {Role.UNIT_MEMBER, Role.UNIT_LEADER, Role.SERVICE}


class Row(NamedTuple):
    """One route and what each role gets, for each of SUBJECTS."""

    method: str
    path: str
    cells: dict[str, tuple[int, ...]]


def read_table() -> list[Row]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    (_, *roles), *rows = lines
    return [
        Row(method, path, {role: _codes(cell) for role, cell in zip(roles, cells, strict=True)})
        for method, path, *cells in rows
    ]


def _codes(cell: str) -> tuple[int, ...]:
    codes = tuple(int(code) for code in cell.split("/"))
    return codes if len(codes) == len(SUBJECTS) else codes * len(SUBJECTS)


def routes_of(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route, also of included routers."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes_of(included.routes, prefix + route.include_context.prefix)
        elif isinstance(route, Mount):
            yield "GET", prefix + route.path
        else:
            for method in route.methods - {"HEAD"}:
                yield method, prefix + route.path


def test_every_route_is_in_the_table_once() -> None:
    settings = DispatchSettings(database_url="postgresql://a:b@127.0.0.1:1/x", kafka_bootstrap="127.0.0.1:1")  # type: ignore[arg-type]
    app = create_app(settings).app
    assert isinstance(app, FastAPI)
    served = [one for one in routes_of(app.routes) if one[1] not in NOT_ON_THE_GATEWAY]
    listed = [(row.method, row.path) for row in read_table()]

    assert sorted(listed) == sorted(served)
    assert set(read_table()[0].cells) == {"public", *(role.value for role in Role)}


@pytest.fixture
async def dispatch(postgres: PostgresServer) -> AsyncIterator[Dispatch]:
    async with dispatch_app(postgres) as replica:
        replica.hub.close()  # streams answer and end
        yield replica


async def subject_of(dispatch: Dispatch, row: Row, subject: str) -> dict[str, str]:
    """Fresh path parameters: a case of the unit, a person of it, or ids of nothing."""
    if subject == "nowhere" or "{" not in row.path:
        return {"complaint_id": str(uuid4()), "person_id": str(uuid4()), "letter_id": str(uuid4())}
    if "{person_id}" in row.path:
        return {"person_id": str(await _a_person(dispatch, subject))}
    complaint_id = await dispatch.add_case(subject)
    if row.path.endswith("/answer"):
        async with dispatch.client(await dispatch.token(Role.ADMINISTRATOR)) as admin:
            body = {"action": "accept"}
            response = await admin.post(f"/dispatch/api/cases/{complaint_id}/actions", json=body)
            assert response.status_code == 200, response.text
    return {"complaint_id": str(complaint_id), "letter_id": str(uuid4())}


async def _a_person(dispatch: Dispatch, unit: str) -> UUID:
    async def work(session: AsyncSession) -> UUID:
        new = NewPerson(f"p-{uuid7()}"[:40], "某人", Role.UNIT_MEMBER, unit, password_hash="of no password")
        return (await add_person(session, new, dispatch.clock)).id

    return await run_unit(dispatch.runtime.sessions, work)


def body_of(row: Row) -> dict[str, Any]:
    """What a rightful request of this route carries."""
    account = {"account": f"a-{uuid7()}"[:40], "password": "correct horse battery"}
    person = account | {"name": "某人", "role": "operator"}
    bodies: dict[str, dict[str, Any]] = {
        "/dispatch/api/sign-in": {"json": account},
        "/dispatch/api/persons": {"json": person},
        "/dispatch/api/persons/{person_id}": {"json": {"name": "新名字"}},
        "/dispatch/api/password": {"json": {"current": "a", "password": "correct horse battery"}},
        "/dispatch/api/services": {"json": {"name": "供水调度系统", "unit": "water"}},
        "/dispatch/api/cases/{complaint_id}/actions": {"json": {"action": "accept"}},
        "/dispatch/api/cases/{complaint_id}/reveal": {"json": {"reason": "联系上门时间"}},
        "/dispatch/api/answers/import": {
            "json": {
                "rows": [
                    {
                        "source": "旧系统",
                        "external_id": str(uuid7()),
                        "text": "已修好。",
                        "answered_at": "2019-04-01T08:00:00+08:00",
                    }
                ]
            }
        },
        "/dispatch/api/dead-letters/{letter_id}/discard": {"json": {"reason": "重复"}},
        "/dispatch/sign-in": {"data": account},
        "/dispatch/accounts": {"data": person},
        "/dispatch/accounts/{person_id}/password": {"data": {"password": "correct horse battery"}},
        "/dispatch/cases/{complaint_id}/answer": {"data": {"text": "已经修好，给您添麻烦了。"}},
        "/dispatch/cases/{complaint_id}/reveal": {"data": {"reason": "联系上门时间"}},
    }
    return {} if row.method == "GET" else bodies.get(row.path, {})


async def ask(client: httpx.AsyncClient, row: Row, subject: str, given: dict[str, str]) -> int:
    path = row.path.format(action="accept", **given)
    query = (
        {"unit": subject}
        if path.rstrip("/").endswith(("/feed", "/feed/stream", "/tasks", "/tasks/stream"))
        else {}
    )
    if path.endswith("/imported"):
        query = {"state": "waiting"}
    if path.endswith("/static"):
        path += "/huiying.css"
    headers = {} if "/api/" in path else {"Accept": "text/html"}
    response = await client.request(row.method, path, params=query, headers=headers, **body_of(row))
    return response.status_code


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["public", *(role.value for role in Role)])
async def test_each_role_gets_what_the_table_says(dispatch: Dispatch, role: str) -> None:
    expected: dict[str, tuple[int, ...]] = {}
    found: dict[str, tuple[int, ...]] = {}
    for row in read_table():
        name = f"{row.method} {row.path}"
        expected[name] = row.cells[role]
        subjects = SUBJECTS if len(set(row.cells[role])) > 1 or "{" in row.path else SUBJECTS[:1]
        codes = []
        for subject in subjects:
            given = await subject_of(dispatch, row, subject)
            unit = "water" if role in {one.value for one in OF_UNITS} else None
            token = None if role == "public" else await dispatch.token(Role(role), unit)
            async with dispatch.client(token) as client:
                codes.append(await ask(client, row, subject, given))
        found[name] = tuple(codes) if len(codes) > 1 else tuple(codes * len(SUBJECTS))

    assert found == expected
