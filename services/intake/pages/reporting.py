"""The form for a report, and the page that gives its number."""

import re
from collections.abc import Mapping
from typing import Annotated
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from services.intake.desk import PUBLIC, DeskDep, PagesDep
from services.intake.domain.reports import Given, ReportError
from services.intake.pages.sent import remember_sent, sent_before
from services.intake.store.reading import find_record
from services.intake.usecases.catalogue import Catalogue
from services.intake.usecases.group_commit import UnfitDraftError
from services.intake.usecases.register import KeyReusedError, Reply
from shared.contracts.intake import Channel
from shared.database import SessionDep
from shared.pages import Pages
from shared.problems import Problem

__all__ = ["LABELS", "build_router"]

_KEY = re.compile(r"[!-~]{1,200}")
LABELS = {
    "text": "发生了什么问题",
    "location": "在什么地方",
    "category": "属于哪一类",
    "phone": "手机号",
    "name": "怎么称呼您",
}
"""What the form calls its fields, and what is wrong with them."""


class ReportForm(BaseModel):
    """The fields of the report form, as typed."""

    category: str = ""
    location: str = ""
    text: str = ""
    name: str = ""
    phone: str = ""
    idempotency_key: str = ""

    def given(self) -> Given:
        """The report that was typed."""
        return Given(
            text=self.text,
            location=self.location,
            name=self.name,
            phone=self.phone,
            category=self.category or None,
        )


def build_router() -> APIRouter:
    """The pages of reporting."""
    router = APIRouter()

    @router.get("/")
    async def home(request: Request, desk: DeskDep, pages: PagesDep) -> Response:
        return _page(request, pages, await desk.catalogue.current())

    @router.post("/complaints")
    async def report(
        request: Request,
        session: SessionDep,
        desk: DeskDep,
        pages: PagesDep,
        form: Annotated[ReportForm, Form()],
    ) -> Response:
        if wait := desk.limits.register(desk.client(request.scope)):
            raise await desk.too_often(wait)
        given = form.given()
        earlier = sent_before(request, given)
        if earlier is not None and await find_record(session, token=earlier) is not None:
            return RedirectResponse(f"/registered/{earlier}?again=1", 303)
        key = form.idempotency_key if _KEY.fullmatch(form.idempotency_key) else None
        try:
            reply = await desk.register(given, channel=Channel.WEB, actor=PUBLIC, key=key)
        except (ReportError, KeyReusedError, UnfitDraftError) as error:
            return _page(request, pages, await desk.catalogue.current(), form, _errors(error))
        token = msgspec.json.decode(reply, type=Reply).tracking_url.rpartition("/")[2]
        response = RedirectResponse(f"/registered/{token}", 303)
        remember_sent(request, response, given, token)
        return response

    @router.get("/registered/{token}")
    async def registered(
        request: Request, token: str, session: SessionDep, pages: PagesDep, again: str = ""
    ) -> Response:
        record = await find_record(session, token=token)
        if record is None:
            raise Problem(404, "没有这个链接对应的记录")
        return pages.page(
            request,
            "registered.html",
            number=record.complaint.number,
            link=f"{request.app.state.public_url}/track/{token}",
            phone_given=record.complaint.phone_tail is not None,
            again=bool(again),
        )

    return router


def _page(
    request: Request,
    pages: Pages,
    catalogue: Catalogue,
    form: ReportForm | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    """The report form; after a failed attempt with what was typed, the reasons, and a fresh key."""
    return pages.page(
        request,
        "home.html",
        422 if errors else 200,
        labels=LABELS,
        categories=_choices(catalogue),
        values=form.model_dump(exclude={"idempotency_key"}) if form else {},
        errors=errors or {},
        idempotency_key=str(uuid4()),
    )


def _choices(catalogue: Catalogue) -> list[dict[str, str]]:
    names: dict[str | None, str] = {code: unit.name for code, unit in catalogue.units.items()}
    return [
        {"code": one.code, "name": one.name, "unit_name": names.get(one.unit, "各单位")}
        for one in catalogue.categories.values()
    ]


def _errors(error: ReportError | KeyReusedError | UnfitDraftError) -> dict[str, str]:
    """Why a form was not registered, by field; an empty name for the form as a whole."""
    if isinstance(error, ReportError):
        return {one.field: f"{LABELS[one.field]}：{one.message}" for one in error.errors}
    if isinstance(error, KeyReusedError):
        return {"": "这份表单刚才已经提交过，内容和现在的不同。如要另外反映一件事，请再点一次提交。"}
    return {"text": f"{LABELS['text']}：内容里有不能保存的字符，请改写后再提交"}
