"""JSON routes of signing in and out, and of the administrator's accounts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.dispatch.domain.accounts import normal_account
from services.dispatch.session_cookie import address_of, begin_session, end_session
from services.dispatch.store.accounts import list_persons
from services.dispatch.usecases import accounts, directory
from services.dispatch.usecases.signing_in import SignInDesk
from shared.auth import Principal, require, signed_in
from shared.contracts.dispatch import Role
from shared.database import SessionDep

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["accounts"])

Administrator = Annotated[Principal, Depends(require(Role.ADMINISTRATOR))]
SignedInPerson = Annotated[Principal, Depends(signed_in)]


class Credentials(BaseModel):
    """What a person types to sign in."""

    account: str = Field(max_length=50)
    password: str = Field(max_length=200)


class SessionView(BaseModel):
    """Who signed in; the token is in the cookie."""

    name: str
    role: Role
    unit: str | None


class PersonView(BaseModel):
    """An account as an administrator sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    account: str
    name: str
    role: Role
    unit: str | None
    disabled: bool
    failed_sign_ins: int
    created_at: datetime


class PersonCreate(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    account: str = Field(max_length=50)
    name: str = Field(min_length=1, max_length=50)
    role: Role
    unit: str | None = None
    password: str = Field(max_length=200)


class PersonPatch(BaseModel):
    """What changes of an account; a field left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=50)
    disabled: bool | None = None
    password: str | None = Field(default=None, max_length=200)


class PasswordChange(BaseModel):
    """A person's present password, and the one they chose."""

    model_config = ConfigDict(extra="forbid")

    current: str = Field(max_length=200)
    password: str = Field(max_length=200)


class ServiceCreate(BaseModel):
    """A unit's own system that is to read its feed and report its steps."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=50)
    unit: str = Field(max_length=30)


class ServiceView(BaseModel):
    """The system's account and its token, which is told this once."""

    person: PersonView
    token: str


@router.post("/sign-in")
async def sign_in(body: Credentials, request: Request, response: Response) -> SessionView:
    """Begin a session of twelve hours: sets the session cookie."""
    desk: SignInDesk = request.app.state.sign_in_desk
    begun = await desk.sign_in(body.account, body.password, address_of(request))
    begin_session(request, response, begun.token)
    return SessionView(name=begun.name, role=begun.role, unit=begun.unit)


@router.post("/sign-out", status_code=204)
async def sign_out(request: Request, response: Response, person: SignedInPerson, session: SessionDep) -> None:
    """End this session in every service."""
    await accounts.sign_out(session, person, request.app.state.clock)
    end_session(request, response)


@router.post("/password")
async def change_password(
    body: PasswordChange, request: Request, response: Response, person: SignedInPerson
) -> SessionView:
    """Change one's own password: a new session begins, every other one ends."""
    desk: SignInDesk = request.app.state.sign_in_desk
    begun = await desk.change_password(person, body.current, body.password, address_of(request))
    begin_session(request, response, begun.token)
    return SessionView(name=begun.name, role=begun.role, unit=begun.unit)


@router.get("/persons")
async def list_all(session: SessionDep, _who: Administrator) -> list[PersonView]:
    """Every account, disabled ones too."""
    return [PersonView.model_validate(person) for person in await list_persons(session)]


@router.post("/persons", status_code=201)
async def create(body: PersonCreate, request: Request, session: SessionDep, who: Administrator) -> PersonView:
    """Make an account with its first password."""
    new = directory.NewPerson(normal_account(body.account), body.name.strip(), body.role, body.unit)
    desk: SignInDesk = request.app.state.sign_in_desk
    person = await directory.create_person(
        session, new, body.password, desk.clock, desk.passwords, by=who.person_id
    )
    return PersonView.model_validate(person)


@router.patch("/persons/{person_id}")
async def change(
    person_id: UUID, body: PersonPatch, request: Request, session: SessionDep, who: Administrator
) -> PersonView:
    """Rename, disable, enable or give a new password; the latter three end the person's sessions."""
    asked = directory.PersonChange(body.name, body.disabled, body.password)
    desk: SignInDesk = request.app.state.sign_in_desk
    person = await directory.change_person(
        session, person_id, asked, desk.clock, desk.passwords, by=who.person_id
    )
    return PersonView.model_validate(person)


@router.post("/services", status_code=201)
async def create_service(
    body: ServiceCreate, request: Request, session: SessionDep, who: Administrator
) -> ServiceView:
    """Make a token for a unit's own system, valid for a year; disabling its account ends it."""
    clock = request.app.state.clock
    person, token = await accounts.add_service(session, body.name, body.unit, clock, by=who.person_id)
    return ServiceView(person=PersonView.model_validate(person), token=token)
