"""The sign-in page, and leaving."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.dispatch.domain.accounts import local_path
from services.dispatch.pages.reader import pages_of
from services.dispatch.session_cookie import address_of, begin_session, end_session
from services.dispatch.usecases import accounts
from services.dispatch.usecases.signing_in import SignInDesk
from shared.auth import who
from shared.database import SessionDep
from shared.problems import Problem

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

SIGN_IN = "/dispatch/sign-in"


@router.get("/sign-in")
async def show(request: Request, next: str = "") -> Response:  # noqa: A002 - its name in the address
    """The form; who is signed in already goes on at once."""
    if await who(request) is not None:
        return RedirectResponse(local_path(next), 303)
    return pages_of(request).page(request, "sign_in.html", values={"next": next}, errors={})


@router.post("/sign-in")
async def sign_in(
    request: Request,
    account: Annotated[str, Form(max_length=50)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",  # noqa: A002
) -> Response:
    """Begin a session and go on; else the form again with what is wrong, never saying which of the two."""
    desk: SignInDesk = request.app.state.sign_in_desk
    try:
        begun = await desk.sign_in(account, password, address_of(request))
    except Problem as problem:
        return pages_of(request).page(
            request,
            "sign_in.html",
            problem.status,
            values={"account": account, "next": next},
            errors={"password": problem.detail},
        )
    response = RedirectResponse(local_path(next), 303)
    begin_session(request, response, begun.token)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, session: SessionDep) -> Response:
    """End this session in every service and show the form."""
    reader = await who(request)
    if reader is not None:
        await accounts.sign_out(session, reader, request.app.state.clock)
    response = RedirectResponse(SIGN_IN, 303)
    end_session(request, response)
    return response
