"""The task list: what a unit owes, by time left, kept current by a live stream."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.cards import FILTERS, counts_shown, task_card
from services.dispatch.domain.access import may_work_on, units_seen
from services.dispatch.domain.accounts import HOME
from services.dispatch.feed import FeedResponse, TaskListView, decode_cursor, encode_cursor
from services.dispatch.pages.reader import Here, Known, Reader
from services.dispatch.store.feed_reading import (
    QueueKey,
    Task,
    count_tasks,
    get_positions,
    list_answered,
    list_open,
)
from shared.auth import ForbiddenError
from shared.problems import Problem

__all__ = ["Scope", "router", "scope_of"]

router = APIRouter(include_in_schema=False)

PAGE = 20


@dataclass(frozen=True, slots=True)
class Scope:
    """Which cases a list shows, and whether its reader may act on them."""

    units: tuple[str, ...]
    chosen_unit: str | None
    filter_code: str
    acting: bool
    options: tuple[str, ...]


def scope_of(reader: Reader, known: Known, state: str = "open", unit: str = "") -> Scope:
    """Return the list that is asked for. ForbiddenError for another unit's, Problem 404 for an unknown."""
    if state not in FILTERS:
        raise Problem(404, "没有这样的清单")
    seen = units_seen(reader.role.value, reader.unit, tuple(known.units))
    if not seen or (unit in known.units and unit not in seen):
        raise ForbiddenError("只能查看本单位的任务")
    if unit and unit not in seen:
        raise Problem(404, "没有这个单位")
    return Scope(
        units=(unit,) if unit else seen,
        chosen_unit=unit or None,
        filter_code=state,
        acting=may_work_on(reader.role.value, reader.unit, unit or seen[0]),
        options=seen if len(seen) > 1 else (),
    )


Asked = Annotated[Scope, Depends(scope_of)]


@router.get("")
async def home() -> Response:
    """The service's address leads to the task list."""
    return RedirectResponse(HOME, 303)


@router.get("/tasks")
async def show(here: Here, asked: Asked, behind: Annotated[str, Query(max_length=100)] = "") -> Response:
    """One page of a list. The stream's cursor is read before the list, so that no change falls between."""
    session, known, now = here.session, here.known, here.now
    several = len(asked.units) > 1
    positions = await get_positions(session, asked.units)
    tasks = await _list(session, asked, now, _read_key(behind))
    counts = counts_shown(await count_tasks(session, asked.units, now))
    return here.page(
        "tasks.html",
        tasks=[task_card(task, known, now, acting=asked.acting, named=several) for task in tasks[:PAGE]],
        filter=asked.filter_code,
        counts=counts,
        unit=asked.chosen_unit,
        unit_name="全部单位" if several else known.units[asked.units[0]],
        units=[{"code": code, "name": known.units[code]} for code in asked.options],
        cursor=encode_cursor(positions),
        older_url=_older_url(asked, tasks),
    )


@router.get("/tasks/stream")
async def stream(
    request: Request,
    reader: Reader,
    asked: Asked,
    after: Annotated[str, Query(max_length=1000)] = "",
    last_event_id: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """Cards and numbers of a list as they change, as server-sent events of HTML."""
    view = TaskListView(
        asked.units, asked.filter_code, asked.chosen_unit, asked.acting, request.app.state.cards
    )
    return FeedResponse(request, view, decode_cursor(last_event_id or after, asked.units), reader)


async def _list(session: AsyncSession, asked: Scope, now: datetime, after: QueueKey | None) -> list[Task]:
    if asked.filter_code == "answered":
        return await list_answered(session, asked.units, after=after, limit=PAGE + 1)
    due_before = now if asked.filter_code == "overdue" else None
    states = FILTERS[asked.filter_code]
    return await list_open(session, asked.units, states, after=after, limit=PAGE + 1, due_before=due_before)


def _older_url(asked: Scope, tasks: list[Task]) -> str | None:
    if len(tasks) <= PAGE:
        return None
    last = tasks[PAGE - 1]
    at = last.registered_at if asked.filter_code == "answered" else last.next_due_at
    key = f"{at.isoformat() if at else ''}_{last.complaint_id}"
    given = {"state": asked.filter_code, "unit": asked.chosen_unit, "behind": key}
    return f"{HOME}?{urlencode({name: value for name, value in given.items() if value})}"


def _read_key(text: str) -> QueueKey | None:
    """Where the page before ended. Problem 404 for something else."""
    if not text:
        return None
    at, _, complaint_id = text.rpartition("_")
    try:
        return QueueKey(_instant(at) if at else None, UUID(complaint_id))
    except (ValueError, OverflowError):
        raise Problem(404, "没有这一页") from None


def _instant(text: str) -> datetime:
    """An instant in UTC. ValueError for a time without a zone, OverflowError for one out of all years."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("the zone is missing")
    return at.astimezone(UTC)
