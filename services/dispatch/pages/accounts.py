"""The administrator's pages of accounts: who there is, a new one, disabling, enabling, a new password."""

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from services.dispatch.domain.accounts import COMPANY_ROLES, UNIT_ROLES, normal_account
from services.dispatch.pages.reader import Here, Visit
from services.dispatch.store.accounts import find_person, list_persons
from services.dispatch.usecases.directory import NewPerson, PersonChange, change_person, create_person
from services.dispatch.usecases.signing_in import SignInDesk
from shared.auth import require
from shared.contracts.dispatch import Role
from shared.pages.filters import role_name
from shared.problems import Problem

__all__ = ["router"]

router = APIRouter(
    prefix="/accounts", include_in_schema=False, dependencies=[Depends(require(Role.ADMINISTRATOR))]
)

ACCOUNTS: Final = "/dispatch/accounts"
ROLES: Final = tuple(role for role in Role if role.value in UNIT_ROLES | COMPANY_ROLES)


class AccountForm(BaseModel):
    """What the form for a new account holds."""

    account: str = Field(default="", max_length=50)
    name: str = Field(default="", max_length=50)
    role: str = Field(default="", max_length=30)
    unit: str = Field(default="", max_length=30)
    password: str = Field(default="", max_length=200)


@router.get("")
async def show(here: Here) -> Response:
    """All accounts, and the form for a new one."""
    return await _page(here)


@router.post("")
async def create(here: Here, form: Annotated[AccountForm, Form()]) -> Response:
    """Make an account; the form again, by field, where something is wrong."""
    values = form.model_dump(exclude={"password"})
    if form.role not in {role.value for role in ROLES}:
        return await _page(here, values, {"role": "请选择角色"})
    new = NewPerson(normal_account(form.account), form.name.strip(), Role(form.role), form.unit or None)
    desk = _desk(here)
    try:
        by = here.reader.person_id
        await create_person(here.session, new, form.password, desk.clock, desk.passwords, by=by)
    except Problem as problem:
        if not problem.fields:
            raise
        errors = {one["field"]: one["message"] for one in problem.fields}
        return await _page(here, values, errors, problem.status)
    return RedirectResponse(ACCOUNTS, 303)


@router.post("/{person_id}/disable")
async def disable(person_id: UUID, here: Here) -> Response:
    """Disable an account: its sessions end everywhere within seconds."""
    return await _change(here, person_id, PersonChange(disabled=True))


@router.post("/{person_id}/enable")
async def enable(person_id: UUID, here: Here) -> Response:
    """Let a disabled account sign in again."""
    return await _change(here, person_id, PersonChange(disabled=False))


@router.get("/{person_id}/password")
async def show_password(person_id: UUID, here: Here) -> Response:
    """The form for a new password of somebody who lost theirs."""
    return await _password_page(here, person_id)


@router.post("/{person_id}/password")
async def give_password(
    person_id: UUID, here: Here, password: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Give the person a new password: their sessions end everywhere within seconds."""
    try:
        return await _change(here, person_id, PersonChange(password=password))
    except Problem as problem:
        if problem.status != 422:  # noqa: PLR2004 - only a wrong password is for the form
            raise
        return await _password_page(here, person_id, {"password": problem.detail})


def _desk(here: Visit) -> SignInDesk:
    desk: SignInDesk = here.request.app.state.sign_in_desk
    return desk


async def _change(here: Visit, person_id: UUID, change: PersonChange) -> Response:
    desk, own = _desk(here), here.reader.person_id
    await change_person(here.session, person_id, change, desk.clock, desk.passwords, by=own)
    return RedirectResponse(ACCOUNTS, 303)


async def _password_page(here: Visit, person_id: UUID, errors: Mapping[str, str] | None = None) -> Response:
    person = await find_person(here.session, person_id)
    if person is None or person.password_hash is None:
        raise Problem(404, "没有这个用密码登录的账号")
    status = 422 if errors else 200
    shown = {"id": person.id, "account": person.account, "name": person.name}
    return here.page("account_password.html", status, person=shown, errors=errors or {})


async def _page(
    here: Visit,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 422,
) -> Response:
    order = {unit: place for place, unit in enumerate(here.known.units)}
    by_unit = sorted(await list_persons(here.session), key=lambda one: order.get(one.unit or "", -1))
    persons = [
        {
            "id": person.id,
            "account": person.account,
            "name": person.name,
            "role": person.role,
            "unit_name": here.unit_name(person.unit),
            "disabled": person.disabled,
            "failed_sign_ins": person.failed_sign_ins,
            "has_password": person.password_hash is not None,
            "own": person.id == here.reader.person_id,
        }
        for person in by_unit
    ]
    return here.page(
        "accounts.html",
        status if errors else 200,
        persons=persons,
        role_options=[(role.value, role_name(role.value)) for role in ROLES],
        unit_options=list(here.known.units.items()),
        values=values or {},
        errors=errors or {},
    )
