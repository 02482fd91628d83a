"""Accounts, the tokens of machines, and the keys that sign them."""

import asyncio
import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.usecases.accounts import (
    ADMINISTRATOR,
    COMMAND_TOKEN_LIFE,
    DEMO_PASSWORD,
    mint_command_token,
    seed_people,
)
from services.dispatch.usecases.directory import rotate_signing_key, signing_key
from shared import state
from shared.auth import ALGORITHM, SignInRequiredError, Verifier, forget_ended_sessions
from shared.contracts.dispatch import PersonState, Role, SessionRevoked, SigningKeyState, UnitState
from shared.database import run_unit
from shared.outbox import outbox
from tests.support.dispatch_people import Dispatch, dispatch_app
from tests.support.infrastructure import PostgresServer
from tests.support.signing_in import WANG, add_wang, is_let_in, is_refused, sign_in
from tests.support.wait import eventually


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


async def test_revoked_sessions_are_forgotten_once_their_tokens_have_expired(dispatch: Dispatch) -> None:
    sessions, clock = dispatch.runtime.sessions, dispatch.clock
    over, running = (
        SessionRevoked(token_id=name, expires_at=clock.now() + timedelta(hours=hours))
        for name, hours in (("over", -1), ("running", 1))
    )

    async def revoke(session: AsyncSession) -> None:
        for one in (over, running):
            await state.publish(session, one, source="dispatch", at=clock.now())

    await run_unit(sessions, revoke)
    people = await run_unit(sessions, lambda session: state.load_all(session, PersonState))
    await run_unit(sessions, forget_ended_sessions)

    assert await run_unit(sessions, lambda session: state.load_all(session, SessionRevoked)) == [running]
    assert await run_unit(sessions, lambda session: state.load_all(session, PersonState)) == people
