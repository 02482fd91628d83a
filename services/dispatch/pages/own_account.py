"""One's own account: who one is here, and a new password."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.pages.reader import Here, Reader, Visit
from services.dispatch.session_cookie import address_of, begin_session
from services.dispatch.store.accounts import find_person
from services.dispatch.usecases.reference import Knowledge
from services.dispatch.usecases.signing_in import SignInDesk
from shared.database import run_unit
from shared.problems import Problem, field_problem

__all__ = ["router"]

router = APIRouter(prefix="/account", include_in_schema=False)

ACCOUNT = "/dispatch/account"


class PasswordForm(BaseModel):
    """What the form for a new password holds."""

    current: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=200)
    repeated: str = Field(default="", max_length=200)


@router.get("")
async def show(here: Here, changed: bool = False) -> Response:
    """Name, account and role, and the form; `changed` after the password was."""
    return await _page(here, changed=changed)


@router.post("/password")
async def change_password(
    request: Request, reader: Reader, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Change one's own password; the form again, by field, where something is wrong.

    No transaction of the request: none may be held while hashes are computed.
    """
    desk: SignInDesk = request.app.state.sign_in_desk
    try:
        if form.repeated != form.password:
            raise field_problem("repeated", "两次输入的新密码不一样")
        begun = await desk.change_password(reader, form.current, form.password, address_of(request))
    except Problem as problem:
        told = problem

        async def again(session: AsyncSession) -> Response:
            knowledge: Knowledge = request.app.state.knowledge
            here = Visit(request, session, reader, await knowledge.get(session))
            return await _page(here, _errors(told), told.status)

        return await run_unit(desk.sessions, again)
    response = RedirectResponse(f"{ACCOUNT}?changed=true", 303)
    begin_session(request, response, begun.token)
    return response


def _errors(problem: Problem) -> dict[str, str]:
    """What is wrong, by field; of no field where the whole was refused."""
    return {one["field"]: one["message"] for one in problem.fields} or {"": problem.detail}


async def _page(
    here: Visit, errors: Mapping[str, str] | None = None, status: int = 200, *, changed: bool = False
) -> Response:
    person = await find_person(here.session, here.reader.person_id)
    return here.page(
        "own_account.html",
        status,
        account=person.account if person else "",
        has_password=person is not None and person.password_hash is not None,
        changed=changed,
        errors=errors or {},
    )
