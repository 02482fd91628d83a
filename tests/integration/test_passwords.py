"""Passwords after the first: one's own, one an administrator gives, one the command line gives."""

import asyncio
import re
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.commands import password as command
from deploy.local.errors import LaunchError
from deploy.passwords import SETTING, renew_password
from services.dispatch.store.audit import AuditEntry, list_entries
from services.dispatch.usecases import passwords, signing_in
from shared.contracts.dispatch import Role
from shared.database import run_unit
from tests.support.dispatch_people import Dispatch
from tests.support.signing_in import PASSWORD, add_wang, is_let_in, is_refused, reads, sign_in
from tests.support.wait import eventually

NEW = "西区水塔第三根管子漏水了吗"
OWN = "/dispatch/api/password"
HTML = {"Accept": "text/html"}
NOBODY = UUID(int=7)


async def trail(dispatch: Dispatch, person_id: str) -> list[tuple[str, str]]:
    """Who did what to an account, oldest first."""

    async def work(session: AsyncSession) -> list[AuditEntry]:
        return await list_entries(session, f"person:{person_id}")

    return [(one.actor, one.action) for one in await run_unit(dispatch.runtime.sessions, work)]


async def test_a_person_changes_their_password_and_stays_here_but_nowhere_else(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    person_id = await add_wang(admin)
    async with dispatch.client() as phone, dispatch.client() as desk:
        await sign_in(phone, "wang.jianguo", PASSWORD)
        await sign_in(desk, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(desk))
        dispatch.clock.move(seconds=0.001)  # whoever came in just before is out as well
        changed = await phone.post(OWN, json={"current": PASSWORD, "password": NEW})

        assert changed.status_code == 200
        assert changed.json() == {"name": "王建国", "role": "unit_member", "unit": "water"}
        await eventually(lambda: is_refused(desk), timeout=5)
        assert await reads(phone) == 200
        assert (await sign_in(desk, "wang.jianguo", PASSWORD)).status_code == 401
        assert (await sign_in(desk, "wang.jianguo", NEW)).status_code == 200
    assert (await trail(dispatch, person_id))[-1] == (person_id, "account.password")


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"current": "not this one", "password": NEW}, "current", "现在的密码不对"),
        ({"current": PASSWORD, "password": "tooshort"}, "password", "密码太短"),
        ({"current": PASSWORD, "password": "wang.jianguo1"}, "password", "太常见"),
        ({"current": PASSWORD, "password": PASSWORD}, "password", "一样"),
        ({"current": PASSWORD, "password": "x" * 201}, "password", "太长"),
        ({"current": PASSWORD}, "password", "必须填写"),
    ],
)
async def test_a_password_that_will_not_do_is_refused_by_field_and_changes_nothing(
    dispatch: Dispatch, admin: httpx.AsyncClient, given: dict[str, str], field: str, words: str
) -> None:
    person_id = await add_wang(admin)
    before = await trail(dispatch, person_id)
    async with dispatch.client() as phone:
        await sign_in(phone, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(phone))
        refused = await phone.post(OWN, json=given)

        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert error["field"] == field
        assert words in error["message"]
        assert PASSWORD not in refused.text
        assert (await sign_in(phone, "wang.jianguo", PASSWORD)).status_code == 200
    assert await trail(dispatch, person_id) == before


async def test_a_session_somebody_left_open_is_no_place_to_guess_the_password(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    await add_wang(admin)
    async with dispatch.client() as left_open:
        await sign_in(left_open, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(left_open))
        guesses = [{"current": f"guess {i}", "password": NEW} for i in range(signing_in.PER_ACCOUNT)]
        statuses = [(await left_open.post(OWN, json=guess)).status_code for guess in guesses]
        right = await left_open.post(OWN, json={"current": PASSWORD, "password": NEW})

    assert statuses == [422] * signing_in.PER_ACCOUNT
    assert right.status_code == 429
    assert "分钟后再试" in right.json()["detail"]


async def test_the_own_account_page_says_what_is_wrong_and_then_that_it_was_done(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    await add_wang(admin)
    async with dispatch.client(headers=HTML) as phone:
        await sign_in(phone, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(phone))
        form = {"current": PASSWORD, "password": NEW, "repeated": NEW}
        wrong = await phone.post("/dispatch/account/password", data=form | {"current": "no"})
        differ = await phone.post("/dispatch/account/password", data=form | {"repeated": "another one"})
        empty = await phone.post("/dispatch/account/password", data={})
        done = await phone.post("/dispatch/account/password", data=form)
        shown = await phone.get(done.headers["location"])

    assert [one.status_code for one in (wrong, differ, empty, done)] == [422, 422, 422, 303]
    assert "现在的密码不对" in wrong.text
    assert "两次输入的新密码不一样" in differ.text
    assert "密码太短" in empty.text
    assert NEW not in wrong.text + differ.text
    assert "密码已更换" in shown.text
    assert "wang.jianguo" in shown.text
    assert shown.headers["cache-control"] == "no-store"


async def test_an_administrator_gives_a_new_password_and_the_trail_says_who(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    person_id = await add_wang(admin)
    admin.headers.update(HTML)
    page = f"/dispatch/accounts/{person_id}/password"
    assert f'href="{page}"' in (await admin.get("/dispatch/accounts")).text
    assert "重设王建国的密码" in (await admin.get(page)).text
    async with dispatch.client() as phone:
        await sign_in(phone, "wang.jianguo", PASSWORD)
        await eventually(lambda: is_let_in(phone))
        dispatch.clock.move(seconds=5)
        weak = await admin.post(page, data={"password": "123456789012"})
        assert await reads(phone) == 200
        given = await admin.post(page, data={"password": NEW})

        assert (weak.status_code, given.status_code) == (422, 303)
        assert "太常见" in weak.text
        await eventually(lambda: is_refused(phone), timeout=5)
        assert (await sign_in(phone, "wang.jianguo", NEW)).status_code == 200
    by = str(dispatch.people["administrator.company"])
    assert await trail(dispatch, person_id) == [(by, "account.create"), (by, "account.password")]


async def test_signing_in_right_after_holds_though_another_replicas_clock_was_ahead(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    person_id = await add_wang(admin)
    dispatch.clock.move(seconds=2)
    await admin.patch(f"/dispatch/api/persons/{person_id}", json={"password": NEW})
    dispatch.clock.move(seconds=-2)
    async with dispatch.client() as phone:
        assert (await sign_in(phone, "wang.jianguo", NEW)).status_code == 200
        await eventually(lambda: is_let_in(phone))


async def test_an_account_of_a_program_gets_no_password(dispatch: Dispatch, admin: httpx.AsyncClient) -> None:
    made = await admin.post("/dispatch/api/services", json={"name": "供水调度系统", "unit": "water"})
    program = made.json()["person"]["id"]
    page = f"/dispatch/accounts/{program}/password"
    listed = (await admin.get("/dispatch/accounts", headers=HTML)).text

    assert "供水调度系统" in listed
    assert "供程序使用" in listed
    assert page not in listed
    assert (await admin.get(page, headers=HTML)).status_code == 404
    refused = await admin.patch(f"/dispatch/api/persons/{program}", json={"password": NEW})
    assert (refused.status_code, refused.json()["detail"]) == (409, "系统接口不用密码登录")
    assert (await admin.get(f"/dispatch/accounts/{NOBODY}/password", headers=HTML)).status_code == 404


async def test_every_change_of_an_account_is_in_the_trail(
    dispatch: Dispatch, admin: httpx.AsyncClient
) -> None:
    person_id = await add_wang(admin)
    path = f"/dispatch/api/persons/{person_id}"
    for change in ({"name": "王建军", "disabled": True}, {"disabled": True}, {"disabled": False}):
        assert (await admin.patch(path, json=change)).status_code == 200

    actions = [action for _, action in await trail(dispatch, person_id)]
    assert actions == ["account.create", "account.rename", "account.disable", "account.enable"]


async def test_who_runs_the_installation_lets_a_locked_out_administrator_in_again(
    dispatch: Dispatch,
    admin: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    person_id = await add_wang(admin)
    await admin.patch(f"/dispatch/api/persons/{person_id}", json={"disabled": True})
    monkeypatch.setenv(SETTING, dispatch.runtime.settings.database_url.get_secret_value())
    new = await asyncio.to_thread(renew_password, "Wang.JianGuo", "http://127.0.0.1:9")
    async with dispatch.client() as phone:
        assert (await sign_in(phone, "wang.jianguo", PASSWORD)).status_code == 401
        assert (await sign_in(phone, "wang.jianguo", new)).status_code == 200
    assert (await trail(dispatch, person_id))[-2:] == [
        ("system", "account.enable"),
        ("system", "account.password"),
    ]

    capsys.readouterr()
    await asyncio.to_thread(command.password, "wang.jianguo", as_json=True, url="http://127.0.0.1:9")
    printed = capsys.readouterr().out
    told = re.fullmatch(r'\{"account": "wang.jianguo", "password": "(\S{16})"\}\n', printed)
    assert told, printed
    assert told[1] != new


@pytest.mark.parametrize("account", ["nobody.here", "local-command"])
async def test_the_command_names_an_account_nobody_signs_in_with(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    await dispatch.token(Role.OFFICE)
    monkeypatch.setenv(SETTING, dispatch.runtime.settings.database_url.get_secret_value())

    with pytest.raises(LaunchError, match=f"没有用密码登录的账号“{account}”"):
        await asyncio.to_thread(renew_password, account, "http://127.0.0.1:9")


def test_the_command_says_where_it_looks_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    with pytest.raises(LaunchError, match="没有找到任务服务的数据库"):
        renew_password("admin", "http://127.0.0.1:9")
    monkeypatch.setenv(SETTING, "postgresql://nobody:x@127.0.0.1:1/nothing")
    with pytest.raises(LaunchError, match="不能写入任务服务的数据库"):
        renew_password("admin", "http://127.0.0.1:9")


async def test_in_a_flood_of_sign_ins_every_route_that_needs_a_hash_asks_to_wait(
    dispatch: Dispatch, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = f"/dispatch/api/persons/{await add_wang(admin)}"
    other = {"account": "li.min", "name": "李敏", "role": "office", "password": PASSWORD}
    monkeypatch.setattr(passwords, "_MOST_WAITING", 0)
    replies = [
        await admin.post("/dispatch/api/persons", json=other),
        await admin.patch(person, json={"password": NEW}),
        await sign_in(admin, "wang.jianguo", PASSWORD),
    ]
    page = await admin.post("/dispatch/accounts", data=other, headers=HTML)

    assert [(one.status_code, one.headers["Retry-After"]) for one in replies] == [(503, "5")] * 3
    assert {one.json()["detail"] for one in replies} == {"现在登录的人很多，请稍等几秒再试"}
    assert (page.status_code, "请稍等几秒再试" in page.text) == (503, True)
    assert await dispatch.desk.rows("SELECT 1 FROM persons WHERE account = 'li.min'") == []
