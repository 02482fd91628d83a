"""Looking up a complaint by number and phone, and the page of its progress."""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.desk import Desk, DeskDep, PagesDep
from services.intake.domain.numbers import parse_number
from services.intake.store.reading import find_record, find_tail_match
from services.intake.usecases.tracking import tracking_view
from shared.database import SessionDep
from shared.pages import Pages
from shared.problems import Problem

__all__ = ["build_router"]

_TAIL = re.compile(r"[0-9]{4}")
_NOT_FOUND = "没有查到，请核对编号和手机号后四位"


class LookUp(BaseModel):
    """What somebody typed to find their complaint."""

    number: str = ""
    phone_tail: str = ""

    def errors(self) -> dict[str, str]:
        """What cannot be right, by field."""
        errors = {}
        if parse_number(self.number) is None:
            errors["number"] = "编号不对，请核对；编号形如 HY-2611-000123-X"
        if not _TAIL.fullmatch(self.phone_tail.strip()):
            errors["phone_tail"] = "登记时所留手机号的后四位：应为四位数字"
        return errors


def build_router() -> APIRouter:
    """The pages of tracking."""
    router = APIRouter()

    @router.get("/track")
    async def look_up(
        request: Request,
        session: SessionDep,
        desk: DeskDep,
        pages: PagesDep,
        asked: Annotated[LookUp, Query()],
    ) -> Response:
        if asked == LookUp():
            return _page(request, pages, asked)
        number = parse_number(asked.number)
        if number is None or asked.errors():
            return _page(request, pages, asked, 422, asked.errors())
        token = await _find(request, session, desk, number, asked.phone_tail.strip())
        if token is None:
            return _page(request, pages, asked, 404, {"number": _NOT_FOUND})
        return RedirectResponse(f"/track/{token}", 303)

    @router.get("/track/{token}")
    async def track(
        request: Request, token: str, session: SessionDep, desk: DeskDep, pages: PagesDep
    ) -> Response:
        record = await find_record(session, token=token)
        if record is None:
            raise Problem(404, "没有这个链接对应的记录")
        view = tracking_view(record, await desk.catalogue.current())
        return pages.page(request, "track_result.html", complaint=view)

    return router


async def _find(request: Request, session: AsyncSession, desk: Desk, number: str, tail: str) -> str | None:
    """The token of the complaint meant, None where there is none: only that counts as failed."""
    client = desk.client(request.scope)
    if wait := desk.limits.look_up(client, number):
        raise await desk.too_often(wait)
    try:
        token = await find_tail_match(session, number, tail)
    except Exception:
        desk.limits.take_back(client, number)
        raise
    if token is not None:
        desk.limits.take_back(client, number)
    return token


def _page(
    request: Request, pages: Pages, asked: LookUp, status: int = 200, errors: Mapping[str, str] | None = None
) -> Response:
    return pages.page(request, "track.html", status, values=asked.model_dump(), errors=errors or {})
