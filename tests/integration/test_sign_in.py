"""Signing in and out, and how soon every service knows."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from services.dispatch.usecases import signing_in
from shared.auth import SignInRequiredError, Verifier
from shared.contracts.dispatch import Role
from tests.support.dispatch_people import Dispatch, HandClock, dispatch_app
from tests.support.infrastructure import PostgresServer
from tests.support.signing_in import PASSWORD, add_wang, is_let_in, is_refused, reads, sign_in
from tests.support.wait import eventually


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
