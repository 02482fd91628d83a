"""Signing in and out, accounts, and how soon every service knows."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.usecases import signing_in
from services.dispatch.usecases.accounts import (
    ADMINISTRATOR,
    COMMAND_TOKEN_LIFE,
    DEMO_PASSWORD,
    mint_command_token,
    seed_people,
)
from services.dispatch.usecases.directory import rotate_signing_key, signing_key
from shared import state
from shared.auth import ALGORITHM, SignInRequiredError, Verifier
from shared.contracts.dispatch import PersonState, Role, SessionRevoked, SigningKeyState, UnitState
from shared.database import run_unit
from shared.outbox import outbox
from tests.support.dispatch_people import Dispatch, HandClock, dispatch_app
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

PASSWORD = "correct horse battery"
WANG = {
    "account": "Wang.JianGuo",
    "name": "王建国",
    "role": "unit_member",
    "unit": "water",
    "password": PASSWORD,
}


@pytest.fixture
async def dispatch(postgres: PostgresServer) -> AsyncIterator[Dispatch]:
    async with dispatch_app(postgres) as replica:
        yield replica


@pytest.fixture
async def admin(dispatch: Dispatch) -> AsyncIterator[httpx.AsyncClient]:
    async with dispatch.client(await dispatch.token(Role.ADMINISTRATOR)) as client:
        yield client


async def add_wang(admin: httpx.AsyncClient) -> str:
    response = await admin.post("/dispatch/api/persons", json=WANG)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def sign_in(client: httpx.AsyncClient, account: str, password: str) -> httpx.Response:
    given = {"account": account, "password": password}
    return await client.post("/dispatch/api/sign-in", json=given)


async def reads(client: httpx.AsyncClient) -> int:
    return (await client.get("/dispatch/api/feed")).status_code


async def is_let_in(client: httpx.AsyncClient) -> bool:
    """A service learns of a new person within a second."""
    return await reads(client) == 200


async def is_refused(client: httpx.AsyncClient) -> bool:
    return await reads(client) == 401


async def test_a_person_signs_in_and_the_cookie_opens_the_feed(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    await add_wang(admin)
    async with dispatch.client() as browser:
        response = await sign_in(browser, " wang.jianguo", PASSWORD)

        assert response.status_code == 200
        assert response.json() == {"name": "王建国", "role": "unit_member", "unit": "water"}
        cookie, *parts = response.headers["set-cookie"].split("; ")
        assert cookie.startswith("huiying=")
        assert set(parts) == {"HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax"}
        assert await eventually(lambda: is_let_in(browser))


async def test_under_https_the_cookie_is_bound_to_the_host(postgres: PostgresServer) -> None:
    async with dispatch_app(postgres, public_url="https://fw.example.cn") as dispatch:
        async with dispatch.client(await dispatch.token(Role.ADMINISTRATOR)) as admin:
            await add_wang(admin)
            response = await sign_in(admin, "wang.jianguo", PASSWORD)

        cookie, *parts = response.headers["set-cookie"].split("; ")
        assert cookie.startswith("__Host-huiying=")
        assert set(parts) == {"HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax", "Secure"}


async def test_a_wrong_account_and_a_wrong_password_are_told_alike(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    person_id = await add_wang(admin)
    async with dispatch.client() as browser:
        wrong_password = await sign_in(browser, "wang.jianguo", "not the password")
        wrong_account = await sign_in(browser, "nobody.here", "not the password")
        no_password_at_all = await sign_in(browser, "unit_member.water", "")
        await admin.patch(f"/dispatch/api/persons/{person_id}", json={"disabled": True})
        disabled = await sign_in(browser, "wang.jianguo", PASSWORD)

    answers = [wrong_password, wrong_account, no_password_at_all, disabled]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} == {"账号或密码不对"}
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_an_unknown_account_takes_as_long_as_a_known_one(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    """The work is the same: one hash each. Medians, so that one slow moment decides nothing."""
    await add_wang(admin)

    async def seconds(account: str) -> float:
        begun = time.perf_counter()
        await sign_in(browser, account, "not the password")
        return time.perf_counter() - begun

    async with dispatch.client() as browser:
        await seconds("warm.up")
        known = sorted([await seconds("wang.jianguo") for _ in range(7)])[3]
        unknown = sorted([await seconds(f"nobody{number}") for number in range(7)])[3]

    assert 0.4 < known / unknown < 2.5


async def test_guessing_is_stopped_for_the_account(dispatch: Dispatch, admin: httpx.AsyncClient) -> None:
    await add_wang(admin)
    async with dispatch.client() as browser:
        tries = [await sign_in(browser, "wang.jianguo", f"guess {number}") for number in range(12)]
        right = await sign_in(browser, "wang.jianguo", PASSWORD)

    statuses = [response.status_code for response in tries]
    assert statuses == [401] * signing_in.PER_ACCOUNT + [429] * 2
    assert right.status_code == 429
    assert "分钟后再试" in right.json()["detail"]
    persons = {one["account"]: one for one in (await admin.get("/dispatch/api/persons")).json()}
    assert persons["wang.jianguo"]["failed_sign_ins"] == signing_in.PER_ACCOUNT


async def test_many_guesses_at_once_are_no_way_around(dispatch: Dispatch, admin: httpx.AsyncClient) -> None:
    await add_wang(admin)
    async with dispatch.client() as browser:
        tries = await asyncio.gather(*(sign_in(browser, "wang.jianguo", f"no {i}") for i in range(30)))

    statuses = sorted(response.status_code for response in tries)
    assert statuses == [401] * signing_in.PER_ACCOUNT + [429] * (30 - signing_in.PER_ACCOUNT)


async def test_guessing_accounts_is_stopped_for_the_address(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hashes_nothing(*_: object) -> tuple[bool, None]:
        return False, None

    monkeypatch.setattr(dispatch.app.state.sign_in_desk.passwords, "check", hashes_nothing)
    async with dispatch.client() as browser:
        many = signing_in.PER_ADDRESS + 1
        statuses = [(await sign_in(browser, f"nobody{i}", "x")).status_code for i in range(many)]

    assert statuses == [401] * signing_in.PER_ADDRESS + [429]


async def test_signing_in_rightly_is_never_limited(dispatch: Dispatch, admin: httpx.AsyncClient) -> None:
    await add_wang(admin)
    async with dispatch.client() as browser:
        statuses = set()
        for _ in range(signing_in.PER_ACCOUNT + 2):
            statuses.add((await sign_in(browser, "wang.jianguo", "one slip")).status_code)
            statuses.add((await sign_in(browser, "wang.jianguo", PASSWORD)).status_code)

    assert statuses == {401, 200}


async def test_signing_out_ends_that_session_alone(dispatch: Dispatch, admin: httpx.AsyncClient) -> None:
    await add_wang(admin)
    async with dispatch.client() as phone, dispatch.client() as desk:
        await sign_in(phone, "wang.jianguo", PASSWORD)
        await sign_in(desk, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(phone))
        kept = phone.cookies["huiying"]
        response = await phone.post("/dispatch/api/sign-out")

        assert response.status_code == 204
        assert "huiying" not in phone.cookies
        phone.cookies.set("huiying", kept)
        await eventually(lambda: is_refused(phone), timeout=5)
        assert await reads(desk) == 200


async def test_a_session_ends_after_twelve_hours(dispatch: Dispatch, admin: httpx.AsyncClient) -> None:
    await add_wang(admin)
    clock: HandClock = dispatch.clock
    async with dispatch.client() as browser:
        await sign_in(browser, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(browser))
        clock.move(hours=11, minutes=59)
        assert await reads(browser) == 200
        clock.move(minutes=2)
        assert await reads(browser) == 401


@pytest.mark.parametrize("change", [{"disabled": True}, {"password": "another good password"}])
async def test_a_disabled_person_and_old_sessions_are_refused_by_every_service_within_five_seconds(
    dispatch: Dispatch, admin: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    """Another service verifies alone, from its copy of the directory: here another verifier on the same."""
    person_id = await add_wang(admin)
    async with dispatch.client() as browser:
        await sign_in(browser, "wang.jianguo", PASSWORD)
        token = browser.cookies["huiying"]
    elsewhere = Verifier(dispatch.runtime.sessions, dispatch.clock)
    assert (await elsewhere.verify(token)).name == "王建国"

    dispatch.clock.move(seconds=30)
    assert (await admin.patch(f"/dispatch/api/persons/{person_id}", json=change)).status_code == 200

    async def refused() -> bool:
        try:
            await elsewhere.verify(token)
        except SignInRequiredError:
            return True
        return False

    assert await eventually(refused, timeout=5)


async def test_what_leaves_dispatch_has_neither_password_nor_private_key(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    await add_wang(admin)
    rows = await run_unit(dispatch.runtime.sessions, _bodies)

    assert any("王建国" in body for body in rows)
    assert not [body for body in rows if "argon2" in body or '"d":' in body or '"d" :' in body]
    listed = (await admin.get("/dispatch/api/persons")).text
    assert "argon2" not in listed
    assert "password" not in listed


async def _bodies(session: AsyncSession) -> list[str]:
    return [
        body.decode() for (body,) in await session.execute(outbox.select().with_only_columns(outbox.c.body))
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"account": "王"}, "account"),
        ({"role": "unit_member", "unit": None}, "unit"),
        ({"role": "office"}, "unit"),
        ({"unit": "nowhere"}, "unit"),
        ({"role": "service"}, "role"),
        ({"password": "password1234"}, "password"),
        ({"name": " "}, "name"),
    ],
)
async def test_a_wrong_account_is_refused_by_field(
    admin: httpx.AsyncClient, wrong: dict[str, Any], field: str
) -> None:
    response = await admin.post("/dispatch/api/persons", json=WANG | wrong)

    assert response.status_code == 422
    assert field in [one["field"] for one in response.json()["errors"]]


async def test_an_account_is_made_once(admin: httpx.AsyncClient) -> None:
    await add_wang(admin)

    assert (await admin.post("/dispatch/api/persons", json=WANG)).status_code == 409


async def test_an_administrator_does_not_lock_themselves_out(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    own = dispatch.people["administrator.company"]

    assert (await admin.patch(f"/dispatch/api/persons/{own}", json={"disabled": True})).status_code == 409
    nobody = UUID(int=7)
    assert (await admin.patch(f"/dispatch/api/persons/{nobody}", json={"name": "谁"})).status_code == 404


async def test_older_keys_verify_for_as_long_as_they_are_published(dispatch: Dispatch) -> None:
    before = await dispatch.token(Role.OFFICE)
    await run_unit(dispatch.runtime.sessions, lambda session: rotate_signing_key(session, dispatch.clock))
    dispatch.clock.move(seconds=1)
    await run_unit(dispatch.runtime.sessions, lambda session: rotate_signing_key(session, dispatch.clock))
    after = await dispatch.token(Role.OFFICE)
    verifier = Verifier(dispatch.runtime.sessions, dispatch.clock)

    assert (await verifier.verify(before)).role is Role.OFFICE
    assert (await verifier.verify(after)).role is Role.OFFICE
    kids = [_kid(token) for token in (before, after)]
    assert kids[0] != kids[1]
    published = await run_unit(
        dispatch.runtime.sessions, lambda session: state.load_all(session, SigningKeyState)
    )
    assert len(published) == 3
    assert all("d" not in key.public_jwk for key in published)


def _kid(token: str) -> str:
    head, _, _ = token.partition(".")
    return str(json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


async def test_a_token_of_a_key_that_was_never_published_is_refused(dispatch: Dispatch) -> None:
    stranger = OKPKey.generate_key("Ed25519", {"kid": "stranger"}, private=True)
    own = await run_unit(dispatch.runtime.sessions, lambda session: signing_key(session, dispatch.clock))
    token = await dispatch.token(Role.ADMINISTRATOR)
    claims = jwt.decode(token, KeySet([own]), algorithms=[ALGORITHM]).claims
    forged = [
        jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, stranger, algorithms=[ALGORITHM])
        for kid in ("stranger", own.kid)
    ]
    verifier = Verifier(dispatch.runtime.sessions, dispatch.clock)

    for one in [*forged, token[:-4] + "AAAA", "", "a.b.c"]:
        with pytest.raises(SignInRequiredError):
            await verifier.verify(one)


async def test_first_accounts_are_made_once_and_told_once(postgres: PostgresServer) -> None:
    async with dispatch_app(postgres) as dispatch:
        sessions, clock = dispatch.runtime.sessions, dispatch.clock
        made = await run_unit(sessions, lambda session: seed_people(session, clock, demo=True))
        again = await run_unit(sessions, lambda session: seed_people(session, clock, demo=True))

        first, *rest = made
        roles = sorted((one.role, one.unit or "") for one in rest)
        units = [unit.code for unit in await run_unit(sessions, _units)]
        of_units = [(role, unit) for role in ("unit_leader", "unit_member") for unit in units]
        assert len(units) == 9
        assert roles == sorted([*of_units, ("operator", ""), ("office", ""), ("company_leader", "")])
        assert {one.password for one in rest} == {DEMO_PASSWORD}
        assert (first.account, first.role) == (ADMINISTRATOR, "administrator")
        assert len(first.password) >= 12
        assert again == []
        async with dispatch.client() as browser:
            assert (await sign_in(browser, "water.leader", DEMO_PASSWORD)).json()["unit"] == "water"
            assert (await sign_in(browser, ADMINISTRATOR, DEMO_PASSWORD)).status_code == 401
            assert (await sign_in(browser, ADMINISTRATOR, first.password)).status_code == 200


async def _units(session: AsyncSession) -> list[UnitState]:
    return await state.load_all(session, UnitState)


async def test_two_first_starts_at_once_make_one_administrator(postgres: PostgresServer) -> None:
    async with dispatch_app(postgres) as dispatch:
        sessions, clock = dispatch.runtime.sessions, dispatch.clock
        results = await asyncio.gather(
            *(run_unit(sessions, lambda session: seed_people(session, clock, demo=True)) for _ in range(3))
        )
        keys = await run_unit(sessions, lambda session: state.load_all(session, SigningKeyState))

        assert sorted(len(made) for made in results) == [0, 0, 22]
        assert len(keys) == 1


async def test_the_commands_of_this_machine_have_a_token_nobody_signs_in_with(dispatch: Dispatch) -> None:
    sessions, clock = dispatch.runtime.sessions, dispatch.clock
    first = await run_unit(sessions, lambda session: mint_command_token(session, clock))
    second = await run_unit(sessions, lambda session: mint_command_token(session, clock))
    verifier = Verifier(sessions, clock)
    holder = await verifier.verify(first)

    assert (holder.name, holder.role) == ("本机命令", Role.ADMINISTRATOR)
    assert (await verifier.verify(second)).person_id == holder.person_id
    assert timedelta(0) <= clock.now() + COMMAND_TOKEN_LIFE - holder.expires_at < timedelta(seconds=1)
    async with dispatch.client() as browser:
        assert (await sign_in(browser, "local-command", "")).status_code == 401


async def test_a_units_own_system_has_a_token_until_it_is_disabled(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    body = {"name": "供水调度系统", "unit": "water"}
    made = (await admin.post("/dispatch/api/services", json=body)).json()
    async with dispatch.client(made["token"]) as system:
        await eventually(lambda: is_let_in(system))
        assert (await system.get("/dispatch/api/feed?unit=repair")).status_code == 403
        await admin.patch(f"/dispatch/api/persons/{made['person']['id']}", json={"disabled": True})
        await eventually(lambda: is_refused(system), timeout=5)
    unknown = await admin.post("/dispatch/api/services", json=body | {"unit": "nowhere"})
    assert unknown.status_code == 422


async def test_every_change_of_a_person_is_a_newer_version(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    person_id = await add_wang(admin)
    await admin.patch(f"/dispatch/api/persons/{person_id}", json={"name": "王建军"})
    await admin.patch(f"/dispatch/api/persons/{person_id}", json={"disabled": True})
    person = await run_unit(
        dispatch.runtime.sessions,
        lambda session: state.find(session, PersonState, f"person:{person_id}"),
    )

    assert person is not None
    assert (person.name, person.disabled) == ("王建军", True)
    revoked = await run_unit(
        dispatch.runtime.sessions, lambda session: state.load_all(session, SessionRevoked)
    )
    assert revoked == []
