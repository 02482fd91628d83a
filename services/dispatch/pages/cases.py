"""One case: what was said, its clocks and history, and what its unit does with it."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse

from services.dispatch.cards import FILTERS, action_buttons, belongs, minutes_left, task_card
from services.dispatch.domain.assignment import STATE_NAMES, Action
from services.dispatch.domain.cases import Case, Deadline, stopped_by_answer
from services.dispatch.domain.standards import Basis
from services.dispatch.pages.lists import LONGEST_QUERY, list_left, list_path, list_query
from services.dispatch.pages.reader import Here, Visit
from services.dispatch.store.feed_reading import find_tasks
from services.dispatch.usecases.act import UnitAction, act
from services.dispatch.usecases.view import CLOCK_NAMES, CaseView, reveal_complainant, view_case
from shared.pages.filters import duration_zh, place_masked
from shared.problems import Problem
from shared.sentences import sentence
from shared.worktime import WORKDAY_MINUTES

__all__ = ["router"]

router = APIRouter(prefix="/cases", include_in_schema=False)

SHORTEST_REASON = 2
CHANNEL_NAMES = {"web": "网页", "phone": "电话", "api": "接口", "import": "导入"}
BASIS_NAMES = {Basis.NATURAL: "自然时间", Basis.WORKING: "工作时间"}


Listed = Annotated[str, Form(max_length=LONGEST_QUERY)]
"""The query of the task list that a case page leads back to."""


@router.get("/{complaint_id}")
async def show(
    complaint_id: UUID, here: Here, listed: Annotated[str, Query(max_length=LONGEST_QUERY)] = ""
) -> Response:
    """The case page; phone and place are masked."""
    return await _page(here, complaint_id, listed or list_left(here.request))


@router.post("/{complaint_id}/reveal")
async def reveal(
    complaint_id: UUID, here: Here, reason: Annotated[str, Form(max_length=100)] = "", listed: Listed = ""
) -> Response:
    """The case page with phone and place in full; who looked and why is kept."""
    if len(reason.strip()) < SHORTEST_REASON:
        return await _page(here, complaint_id, listed, errors={"reason": "请写明查看的原因"})
    await reveal_complainant(here.session, complaint_id, here.reader, reason.strip(), clock=here.clock)
    return await _page(here, complaint_id, listed, revealed=True)


@router.post("/{complaint_id}/answer")
async def answer(
    complaint_id: UUID, here: Here, text: Annotated[str, Form()] = "", listed: Listed = ""
) -> Response:
    """Answer the complainant, and back to the case; the text again where it did not become the answer."""
    try:
        await _act(here, UnitAction(complaint_id, Action.ANSWER, text))
    except Problem as problem:
        values = {"text": text}
        if problem.status == HTTPStatus.CONFLICT:
            return await _changed(here, complaint_id, listed, problem, values)
        if problem.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return await _page(here, complaint_id, listed, values=values, errors={"text": problem.detail})
    return _to_case(complaint_id, listed)


@router.post("/{complaint_id}/{action}")
async def take_action(
    complaint_id: UUID,
    action: Literal["accept", "arrive", "complete"],
    here: Here,
    back: Annotated[str, Form(max_length=10)] = "",
    listed: Listed = "",
) -> Response:
    """Take a step. By htmx the list's change comes back; otherwise the page one came from."""
    try:
        await _act(here, UnitAction(complaint_id, Action(action)))
    except Problem as problem:
        if problem.status != HTTPStatus.CONFLICT or back != "case":
            raise
        return await _changed(here, complaint_id, listed, problem)
    if "HX-Request" in here.request.headers:
        return here.page("_task_change.html", **await _list_change(here, complaint_id))
    if back == "case":
        return _to_case(complaint_id, listed)
    return RedirectResponse(list_path(list_left(here.request)), 303)


def _to_case(complaint_id: UUID, listed: str) -> Response:
    named = list_query(listed)
    query = f"?listed={quote(named, safe='')}" if named else ""
    return RedirectResponse(f"/dispatch/cases/{complaint_id}{query}", 303)


async def _act(here: Visit, command: UnitAction) -> None:
    await act(here.session, command, here.reader, knowledge=here.knowledge, clock=here.clock)


async def _list_change(here: Visit, complaint_id: UUID) -> dict[str, Any]:
    """The card as it is now, or its leaving, for the list the browser says it shows."""
    shown = _query_shown(here.request.headers.get("HX-Current-URL", ""))
    asked = shown.get("state", ["open"])[0]
    filter_code = asked if asked in FILTERS else "open"
    task = (await find_tasks(here.session, [complaint_id]))[complaint_id]
    if belongs(task, filter_code, here.now):
        named = here.reader.unit is None and not shown.get("unit")
        card = task_card(task, here.known, here.now, acting=True, named=named)
        return {"task": card, "acted": True}
    return {"gone": complaint_id, "acted": True}


def _query_shown(url: str) -> dict[str, list[str]]:
    """The query of the address that the browser shows; an empty one where it says something else."""
    try:
        return parse_qs(urlsplit(url).query)
    except ValueError:
        return {}


async def _changed(
    here: Visit, complaint_id: UUID, listed: str, problem: Problem, values: Mapping[str, str] | None = None
) -> Response:
    """The case as it is now, for who acted on how it was; what they wrote is not lost."""
    errors = {"": f"{sentence(problem.detail)}这件任务刚刚有变化，本页已是最新情况。"}
    return await _page(here, complaint_id, listed, values=values, errors=errors, status=HTTPStatus.CONFLICT)


async def _page(
    here: Visit,
    complaint_id: UUID,
    listed: str,
    *,
    revealed: bool = False,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int | None = None,
) -> Response:
    view = await view_case(here.session, complaint_id, here.reader, knowledge=here.knowledge)
    case = _shown(view, here.now, revealed=revealed)
    return here.page(
        "case.html",
        int(status or (HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK)),
        case=case,
        listed=list_query(listed),
        list_path=list_path(listed),
        values=values or {},
        errors=errors or {},
    )


def _shown(view: CaseView, now: datetime, *, revealed: bool) -> dict[str, Any]:
    """What `case.html` shows of a case."""
    case, said, answer = view.case, view.said, view.answer
    return {
        "complaint_id": case.complaint_id,
        "number": case.number,
        "category_name": view.category_name,
        "location": said.location if revealed else place_masked(said.location),
        "text": "\n".join(part for part in (said.subject, said.text) if part),
        "name": said.name,
        "phone": said.phone,
        "revealed": revealed,
        "hidden": bool(said.phone) or place_masked(said.location) != said.location,
        "urgency": case.urgency,
        "state": case.state.value,
        "state_name": STATE_NAMES[case.state],
        "unit_name": view.unit_name,
        "registered_at": case.registered_at,
        "channel_name": CHANNEL_NAMES.get(case.channel, case.channel),
        "routing_reason": case.reason,
        "fallback": case.fallback,
        "answer_text": answer["text"] if answer else None,
        "answered_at": answer["answered_at"] if answer else None,
        "actions": action_buttons(view.actions),
        "ends": [CLOCK_NAMES[kind] for kind in view.ends],
        "history": view.history,
        "clocks": [_clock(case, clock, now) for clock in view.clocks if clock.recorded],
    }


def _budget(deadline: Deadline) -> str:
    """The budget in words: whole workdays where it is some, as the rule book says it."""
    workdays, rest = divmod(deadline.budget_minutes, WORKDAY_MINUTES)
    if deadline.basis is Basis.WORKING and not rest:
        return f"{workdays} 个工作日"
    return duration_zh(deadline.budget_minutes)


def _clock(case: Case, deadline: Deadline, now: datetime) -> dict[str, Any]:
    stopped_at = deadline.met_at
    return {
        "name": CLOCK_NAMES[deadline.kind],
        "basis_name": BASIS_NAMES[deadline.basis],
        "budget_text": _budget(deadline),
        "due_at": deadline.due_at,
        "stopped_at": stopped_at,
        "by_answer": stopped_by_answer(case, deadline),
        "late": stopped_at is not None and stopped_at > deadline.due_at,
        "minutes_left": minutes_left(deadline.due_at, now),
        "overdue": deadline.due_at < now,
    }
