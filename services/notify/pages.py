"""HTML routes of notify."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.domain import Occasion, State
from services.notify.transports import check_address
from services.notify.usecases import views
from services.notify.usecases.channels import (
    NewChannel,
    UnknownUnitError,
    add_channel,
    remove_channel,
    units,
)
from services.notify.usecases.deliveries import try_again
from services.notify.wording import OCCASION_NAMES
from shared.auth import Principal, require, signed_in
from shared.contracts.dispatch import Role
from shared.database import SessionDep
from shared.pages import Pages
from shared.problems import Problem
from shared.viewer import viewer_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

SignedIn = Annotated[Principal, Depends(signed_in)]
_KEEPERS = (Role.ADMINISTRATOR, Role.OFFICE)
Keeper = Annotated[Principal, Depends(require(*_KEEPERS))]

_PAGE = 50
_LAST = 2**63 - 1
_NAME_LENGTH, _URL_LENGTH = 50, 500
_STATES = {
    State.CLAIMED: ("pending", "待发送"),
    State.SENDING: ("pending", "正在发送"),
    State.SENT: ("sent", "已发送"),
    State.FAILED: ("failed", "失败"),
    State.UNKNOWN: ("unknown", "结果未知"),
    views.NO_CHANNEL: (views.NO_CHANNEL, "没有接收渠道"),
}
_RESENT = ("resent", "已重发")


@router.get("")
async def get_home() -> RedirectResponse:
    """Lead to the deliveries."""
    return RedirectResponse("/notify/deliveries", 303)


@router.get("/deliveries")
async def get_deliveries(
    request: Request,
    session: SessionDep,
    who: SignedIn,
    before: Annotated[int | None, Query(ge=1, le=_LAST)] = None,
    requeued: Annotated[bool, Query()] = False,
) -> Response:
    """Show what was sent and what was not, the newest first."""
    page = await views.list_deliveries(session, who, before=before, limit=_PAGE)
    older = None if page.next_before is None else f"/notify/deliveries?before={page.next_before}"
    may_retry = who.role in _KEEPERS
    return _pages(request).page(
        request,
        "deliveries.html",
        deliveries=[_row(one, may_retry=may_retry) for one in page.deliveries],
        older_url=older,
        before=before,
        requeued=requeued,
        user=await viewer_of(session, who),
    )


@router.post("/deliveries/{delivery_id}/retry")
async def post_retry(
    delivery_id: UUID,
    session: SessionDep,
    who: Keeper,
    before: Annotated[int | None, Form(ge=1, le=_LAST)] = None,
) -> Response:
    """Send a delivery that was given up once more, and lead back to where the person was."""
    await try_again(session, delivery_id, by=who.person_id)
    place = "" if before is None else f"&before={before}"
    return RedirectResponse(f"/notify/deliveries?requeued=1{place}", 303)


@router.get("/channels")
async def get_channels(request: Request, session: SessionDep, who: SignedIn) -> Response:
    """Show who is told where."""
    return await _channels(request, session, who)


@router.post("/channels")
async def post_channel(
    request: Request,
    session: SessionDep,
    who: Keeper,
    recipient_name: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
    url: Annotated[str, Form()] = "",
) -> Response:
    """Add a channel, or say what is wrong with it."""
    values = {"recipient_name": recipient_name.strip(), "unit": unit}
    errors: dict[str, str] = {}
    if not 0 < len(values["recipient_name"]) <= _NAME_LENGTH:
        errors["recipient_name"] = f"请填写接收人，最多 {_NAME_LENGTH} 个字"
    address = ""
    try:
        address = await check_address(url.strip()[: _URL_LENGTH + 1], request.app.state.internal_networks)
    except ValueError as error:
        errors["url"] = str(error)
    if not errors:
        new = NewChannel(unit, values["recipient_name"], url.strip(), address, frozenset(Occasion))
        try:
            await add_channel(session, new, by=who.person_id, clock=request.app.state.clock)
        except UnknownUnitError:
            errors["unit"] = "请选择单位"
    if errors:
        return await _channels(request, session, who, values=values, errors=errors)
    return RedirectResponse("/notify/channels", 303)


@router.post("/channels/{channel_id}/remove")
async def post_remove(channel_id: UUID, request: Request, session: SessionDep, who: Keeper) -> Response:
    """Stop using a channel."""
    if not await remove_channel(session, channel_id, by=who.person_id, clock=request.app.state.clock):
        raise Problem(404, "没有这个接收渠道")
    return RedirectResponse("/notify/channels", 303)


async def _channels(
    request: Request,
    session: AsyncSession,
    who: Principal,
    *,
    values: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    may_edit = who.role in _KEEPERS
    channels = [
        {
            "channel_id": one.channel_id,
            "recipient_name": one.name,
            "unit_name": one.unit_name,
            "address": one.address,
            "created_at": one.created_at,
        }
        for one in await views.list_channels(session, who)
    ]
    return _pages(request).page(
        request,
        "channels.html",
        422 if errors else 200,
        channels=channels,
        may_edit=may_edit,
        unit_options=[(unit.code, unit.name) for unit in await units(session)],
        values=values or {},
        errors=errors or {},
        user=await viewer_of(session, who),
    )


def _row(one: views.DeliveryView, *, may_retry: bool) -> dict[str, Any]:
    look, name = _STATES[State(one.state) if one.state != views.NO_CHANNEL else one.state]
    if one.resent and one.state == State.SENT:
        look, name = _RESENT
    return {
        "created_at": one.created_at,
        "occasion_name": OCCASION_NAMES[Occasion(one.occasion)],
        "complaint_id": one.complaint_id,
        "case_number": one.number,
        "recipient_name": one.recipient_name,
        "channel": one.channel or "—",
        "state": look,
        "state_name": name,
        "attempts": one.attempts,
        "error": one.reason,
        "retry_id": one.delivery_id if may_retry and one.retryable else None,
    }


def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages
