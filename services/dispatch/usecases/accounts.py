"""Signing in and out, the command line's token, and the first accounts of an installation."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.accounts import normal_account
from services.dispatch.store import accounts as store
from services.dispatch.tables.accounts import PersonRow
from services.dispatch.usecases.directory import (
    SOURCE,
    NewPerson,
    PersonChange,
    add_person,
    change_person,
    give_password,
    note,
    signing_key,
)
from services.dispatch.usecases.passwords import Passwords
from shared import state
from shared.auth import SESSION_LIFE, Principal, mint
from shared.clock import Clock
from shared.contracts.dispatch import Role, SessionRevoked, UnitState

__all__ = [
    "ADMINISTRATOR",
    "COMMAND_TOKEN_LIFE",
    "DEMO_PASSWORD",
    "SERVICE_TOKEN_LIFE",
    "SignIn",
    "SignedIn",
    "add_service",
    "change_own_password",
    "mint_command_token",
    "record_refusal",
    "renew_password",
    "seed_people",
    "sign_in",
    "sign_out",
]

COMMAND_TOKEN_LIFE = timedelta(days=30)
SERVICE_TOKEN_LIFE = timedelta(days=365)
ADMINISTRATOR: Final = "admin"
DEMO_PASSWORD: Final = "huiying-demo"  # noqa: S105 - printed at each demonstration start, on purpose
_COMMAND: Final = "local-command"
_RANDOM_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that just began."""

    token: str
    name: str
    role: Role
    unit: str | None


@dataclass(frozen=True, slots=True)
class SignIn:
    """An account that was just made, with its first password, to be told once."""

    account: str
    password: str
    role: str
    unit: str | None


async def sign_in(
    session: AsyncSession, checked: PersonRow, clock: Clock, *, better_hash: str | None = None
) -> SignedIn | None:
    """Begin a session of a person whose password was checked; `better_hash` replaces an outdated one.

    None for a disabled person, and where the password was changed since it was checked.
    """
    person = await store.find_person(session, checked.id)
    if person is None or person.disabled or person.password_hash != checked.password_hash:
        return None
    values: dict[str, object] = {"failed_sign_ins": 0}
    if better_hash is not None:
        values["password_hash"] = better_hash
    if person.failed_sign_ins or better_hash is not None:
        await store.update_person(session, person.id, **values)
    return await _begin(session, person, clock)


async def change_own_password(
    session: AsyncSession, checked: PersonRow, password_hash: str, clock: Clock
) -> SignedIn | None:
    """Give a person whose password was checked the one they chose, and a new session, the only one they have.

    None for a disabled person, and where the password was changed since it was checked.
    """
    person = await store.find_person(session, checked.id)
    if person is None or person.disabled or person.password_hash != checked.password_hash:
        return None
    changed = await give_password(session, person, password_hash, clock, by=person.id)
    return await _begin(session, changed, clock)


async def renew_password(session: AsyncSession, account: str, clock: Clock) -> str | None:
    """Give an account a random password and return it, to be told once; a disabled one may sign in again.

    For who runs the installation, where no administrator can sign in. None where nobody signs in with that
    account.
    """
    person = await store.find_person_by_account(session, normal_account(account))
    if person is None or person.password_hash is None:
        return None
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    change = PersonChange(disabled=False, password=password)
    await change_person(session, person.id, change, clock, Passwords(), by=None)
    return password


async def record_refusal(session: AsyncSession, account: str) -> None:
    """Count a failed sign-in, for the administrator to see."""
    await store.count_failed_sign_in(session, normal_account(account))


async def sign_out(session: AsyncSession, principal: Principal, clock: Clock) -> None:
    """End one session everywhere; other sessions of the same person go on."""
    revoked = SessionRevoked(token_id=principal.token_id, expires_at=principal.expires_at)
    await state.publish(session, revoked, source=SOURCE, at=clock.now())


async def mint_command_token(session: AsyncSession, clock: Clock) -> str:
    """Return a token for the commands of this machine, as an administrator nobody signs in as.

    Valid for COMMAND_TOKEN_LIFE; those given out before stay valid, a running command keeps its own.
    """
    await store.lock_accounts(session)
    person = await store.find_person_by_account(session, _COMMAND)
    if person is None:
        new = NewPerson(_COMMAND, "本机命令", Role.ADMINISTRATOR, unit=None)
        person = await add_person(session, new, clock)
    return await _token(session, person, clock, COMMAND_TOKEN_LIFE)


async def add_service(
    session: AsyncSession, name: str, unit: str, clock: Clock, *, by: UUID
) -> tuple[PersonRow, str]:
    """Make an account for a unit's own system; its token is valid for SERVICE_TOKEN_LIFE and kept nowhere.

    Disabling the account ends it. Problem 422 for an unknown unit.
    """
    account = f"service.{unit}.{secrets.token_hex(4)}"
    person = await add_person(session, NewPerson(account, name, Role.SERVICE, unit), clock)
    await note(session, person, ["create"], clock, by=by)
    return person, await _token(session, person, clock, SERVICE_TOKEN_LIFE)


async def seed_people(
    session: AsyncSession, clock: Clock, *, demo: bool, administrator_password: str | None = None
) -> list[SignIn]:
    """Make the signing key and the first accounts where they are missing; needs the units to be seeded.

    Always one administrator, with the given password or a random one; with `demo` also people of every unit
    and of the company, all with DEMO_PASSWORD. Returns only what this call made: passwords are kept nowhere.
    """
    await store.lock_accounts(session)
    await signing_key(session, clock)
    first = NewPerson(ADMINISTRATOR, "系统管理员", Role.ADMINISTRATOR, unit=None)
    wanted = [(first, administrator_password or secrets.token_urlsafe(_RANDOM_BYTES))]
    if demo:
        units = await state.load_all(session, UnitState)
        wanted += [(new, DEMO_PASSWORD) for new in _demo_people(units)]
    passwords = Passwords()
    made = []
    for new, password in wanted:
        if await store.find_person_by_account(session, new.account) is None:
            await add_person(session, replace(new, password_hash=await passwords.hash(password)), clock)
            made.append(SignIn(new.account, password, new.role.value, new.unit))
    return made


async def _begin(session: AsyncSession, person: PersonRow, clock: Clock) -> SignedIn:
    token = await _token(session, person, clock, SESSION_LIFE)
    return SignedIn(token, person.name, Role(person.role), person.unit)


async def _token(session: AsyncSession, person: PersonRow, clock: Clock, life: timedelta) -> str:
    key = await signing_key(session, clock)
    now = max(clock.now(), person.valid_from)  # another replica's clock may be ahead
    return mint(key, person.id, token_id=secrets.token_urlsafe(16), now=now, life=life)


def _demo_people(units: list[UnitState]) -> list[NewPerson]:
    people = [
        NewPerson("operator", "话务员", Role.OPERATOR, None),
        NewPerson("office", "生产管理室值班", Role.OFFICE, None),
        NewPerson("company", "公司经理", Role.COMPANY_LEADER, None),
    ]
    for unit in sorted(units, key=lambda one: one.position):
        people.append(NewPerson(f"{unit.code}.leader", f"{unit.name}负责人", Role.UNIT_LEADER, unit.code))
        people.append(NewPerson(f"{unit.code}.member", f"{unit.name}班组", Role.UNIT_MEMBER, unit.code))
    return people
