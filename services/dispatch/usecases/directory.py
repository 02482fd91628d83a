"""Persons and signing keys of the directory: kept here with their secrets, published without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.domain.accounts import account_problem, password_problem, unit_problem
from services.dispatch.store import accounts as store
from services.dispatch.store import audit
from services.dispatch.store.audit import AuditEntry
from services.dispatch.tables.accounts import PersonRow, SigningKeyRow
from services.dispatch.usecases.passwords import Passwords
from shared import state
from shared.clock import Clock
from shared.contracts.dispatch import PersonState, Role, SigningKeyState, UnitState
from shared.ids import uuid7
from shared.problems import FieldProblem, Problem, field_problem

__all__ = [
    "NewPerson",
    "PersonChange",
    "add_person",
    "change_person",
    "check_password",
    "create_person",
    "give_password",
    "note",
    "publish_person",
    "rotate_signing_key",
    "signing_key",
]

SOURCE = "dispatch"
_NO_PERSON = "系统接口不用密码登录"
_NOBODY = "没有这个人员"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """An account to make; `password_hash` None where nobody signs in with it."""

    account: str
    name: str
    role: Role
    unit: str | None
    password_hash: str | None = None


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What an administrator changes of a person; None leaves it as it is."""

    name: str | None = None
    disabled: bool | None = None
    password: str | None = None


async def create_person(
    session: AsyncSession, new: NewPerson, password: str, clock: Clock, passwords: Passwords, *, by: UUID
) -> PersonRow:
    """Make an account with a password that a person chose. Problem as `add_person`, 503 in a flood."""
    if new.role is Role.SERVICE:
        raise field_problem("role", _NO_PERSON)
    check_password(password, new.account)
    hashed = replace(new, password_hash=await passwords.hash(password))
    person = await add_person(session, hashed, clock)
    await note(session, person, ["create"], clock, by=by)
    return person


async def add_person(session: AsyncSession, new: NewPerson, clock: Clock) -> PersonRow:
    """Make an account and publish the person. Problem 422 for a wrong value, 409 for a taken account."""
    await _check(session, new)
    now = clock.now()
    person = PersonRow(
        id=uuid7(),
        account=new.account,
        name=new.name,
        role=new.role.value,
        unit=new.unit,
        password_hash=new.password_hash,
        valid_from=now,
        created_at=now,
    )
    if not await store.add_person(session, person):
        raise field_problem("account", "这个账号已经有了", 409)
    await publish_person(session, person, clock)
    return person


async def change_person(
    session: AsyncSession,
    person_id: UUID,
    change: PersonChange,
    clock: Clock,
    passwords: Passwords,
    *,
    by: UUID | None,
) -> PersonRow:
    """Rename, disable, enable or give a new password; the latter three end every session of the person.

    `by` None is the command line. Each change is kept in the audit trail. Problem 404 for no such person, 409
    for an administrator who would lock themselves out and for an account without a password, 422 for a
    password that is too weak, 503 in a flood of sign-ins.
    """
    person = await store.find_person(session, person_id)
    if person is None:
        raise Problem(404, _NOBODY)
    if change.disabled and person_id == by:
        raise Problem(409, "不能停用自己的账号")
    values: dict[str, Any] = {}
    actions = []
    if change.name is not None and change.name != person.name:
        values["name"] = change.name
        actions.append("rename")
    if change.disabled is not None and change.disabled != person.disabled:
        values |= {"disabled": change.disabled, "valid_from": clock.now()}
        actions.append("disable" if change.disabled else "enable")
    if change.password is not None:
        if person.password_hash is None:
            raise Problem(409, _NO_PERSON)
        check_password(change.password, person.account)
        values |= _with_password(await passwords.hash(change.password), clock)
        actions.append("password")
    return await _update(session, person, values, actions, clock, by) if actions else person


async def give_password(
    session: AsyncSession, person: PersonRow, password_hash: str, clock: Clock, *, by: UUID | None
) -> PersonRow:
    """Replace a person's password, which ends every session they have."""
    return await _update(session, person, _with_password(password_hash, clock), ["password"], clock, by)


async def note(
    session: AsyncSession, person: PersonRow, actions: Sequence[str], clock: Clock, *, by: UUID | None
) -> None:
    """Keep in the audit trail what was done to an account, never a secret; `by` None for the command line."""
    actor = "system" if by is None else str(by)
    detail = {"role": person.role, "unit": person.unit}
    entries = [
        AuditEntry(clock.now(), actor, f"account.{action}", f"person:{person.id}", detail)
        for action in actions
    ]
    await audit.add_entries(session, entries)


async def publish_person(session: AsyncSession, person: PersonRow, clock: Clock) -> None:
    """Tell every service who this is; the password hash stays here."""
    entity = PersonState(
        person_id=person.id,
        name=person.name,
        role=Role(person.role),
        unit=person.unit,
        disabled=person.disabled,
        valid_from=person.valid_from,
    )
    await state.publish(session, entity, source=SOURCE, at=clock.now())


async def signing_key(session: AsyncSession, clock: Clock) -> OKPKey:
    """Return the key that signs now; the first call ever makes and publishes it."""
    newest = await store.get_newest_key(session)
    if newest is None:
        await store.lock_accounts(session)
        newest = await store.get_newest_key(session)
    if newest is None:
        return await rotate_signing_key(session, clock)
    return OKPKey.import_key(newest.private_jwk)


async def rotate_signing_key(session: AsyncSession, clock: Clock) -> OKPKey:
    """Make and publish a new key, which signs from now on; tokens of the older keys stay valid."""
    kid = str(uuid7())
    key = OKPKey.generate_key("Ed25519", {"kid": kid}, private=True)
    now = clock.now()
    private = {name: str(value) for name, value in key.as_dict(private=True).items()}
    await store.add_signing_key(session, SigningKeyRow(kid=kid, private_jwk=private, created_at=now))
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    await state.publish(session, SigningKeyState(kid=kid, public_jwk=public), source=SOURCE, at=now)
    return key


def check_password(password: str, account: str) -> None:
    """Problem 422 by field where a password that a person chose is too weak."""
    problem = password_problem(password, account)
    if problem is not None:
        raise field_problem("password", problem)


def _with_password(password_hash: str, clock: Clock) -> dict[str, Any]:
    """What changes of a person who gets a new password."""
    return {"password_hash": password_hash, "failed_sign_ins": 0, "valid_from": clock.now()}


async def _update(
    session: AsyncSession,
    person: PersonRow,
    values: Mapping[str, Any],
    actions: Sequence[str],
    clock: Clock,
    by: UUID | None,
) -> PersonRow:
    """Change a person whose row is locked; tell every service, and the audit trail."""
    changed = await store.update_person(session, person.id, **values)
    if changed is None:
        raise Problem(404, _NOBODY)
    await publish_person(session, changed, clock)
    await note(session, changed, actions, clock, by=by)
    return changed


async def _check(session: AsyncSession, new: NewPerson) -> None:
    problems = [
        FieldProblem(field, message)
        for field, message in (
            ("account", account_problem(new.account)),
            ("name", None if new.name.strip() else "请填写姓名"),
            ("unit", unit_problem(new.role, new.unit)),
        )
        if message is not None
    ]
    if new.unit is not None and await state.find(session, UnitState, f"unit:{new.unit}") is None:
        problems.append(FieldProblem("unit", "没有这个单位"))
    if problems:
        raise Problem(422, ";".join(one["message"] for one in problems), fields=problems)
