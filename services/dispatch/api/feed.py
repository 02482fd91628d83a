"""The task feed of a unit for programs: pages of changes behind a position, and a live stream of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel

from services.dispatch.domain.access import may_see
from services.dispatch.feed import FeedResponse, UnitFeedView, change_json, decode_cursor
from services.dispatch.store.feed_reading import list_changes
from shared import state
from shared.auth import ForbiddenError, Principal, signed_in
from shared.contracts.dispatch import UnitState
from shared.database import SessionDep, SessionFetcher
from shared.problems import Problem, field_problem

__all__ = ["router"]

router = APIRouter(prefix="/api/feed", tags=["feed"])

SignedInPerson = Annotated[Principal, Depends(signed_in)]


class CaseNow(BaseModel):
    """A case as it is now: codes, ids and times, nothing personal."""

    complaint_id: UUID
    number: str
    unit: str
    category: str | None
    urgency: str
    state: str
    open: bool
    registered_at: datetime
    next_clock: str | None
    next_due_at: datetime | None


class FeedItem(BaseModel):
    """One change in a unit's feed; positions of a unit rise by one."""

    position: int
    at: datetime
    case: CaseNow


class FeedPage(BaseModel):
    """Changes behind a position. Ask again with `next`; `more` says that there are some already."""

    unit: str
    items: list[FeedItem]
    next: int
    more: bool


async def feed_unit(session: SessionDep, who: SignedInPerson, unit: str | None = None) -> str:
    """The unit whose feed is asked for: one's own, or the one named by those who see all."""
    asked = unit or who.unit
    if asked is None:
        raise field_problem("unit", "请指明单位")
    if not may_see(who.role, who.unit, asked):
        raise ForbiddenError("只能查看本单位的任务")
    if await state.find(session, UnitState, f"unit:{asked}") is None:
        raise Problem(404, "没有这个单位")
    return asked


FeedUnit = Annotated[str, Depends(feed_unit)]


@router.get("")
async def read(
    session: SessionDep,
    unit: FeedUnit,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> FeedPage:
    """Changes of the unit's cases in commit order, from behind position `after` on."""
    changes = await list_changes(SessionFetcher(session), {unit: after}, limit + 1)
    items: list[dict[str, Any]] = [change_json(change) for change in changes[:limit]]
    return FeedPage.model_validate(
        {
            "unit": unit,
            "items": items,
            "next": items[-1]["position"] if items else after,
            "more": len(changes) > limit,
        }
    )


@router.get("/stream", response_class=Response, responses={200: {"content": {FeedResponse.media_type: {}}}})
async def stream(
    request: Request,
    unit: FeedUnit,
    who: SignedInPerson,
    after: Annotated[str | None, Query(max_length=20)] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> FeedResponse:
    """The same changes as server-sent events, as they happen; resumes behind Last-Event-ID or `after`.

    422 for a position that is none: who resumes misses nothing, or is told.
    """
    asked = last_event_id or after
    cursor = decode_cursor(asked, [unit])
    if asked and cursor is None:
        raise field_problem("Last-Event-ID" if last_event_id else "after", "不是有效的位置")
    return FeedResponse(request, UnitFeedView(unit), cursor, who)
