"""JSON routes of notify: parse, authorise, call a use case, return."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.notify.schemas import ChannelAdded, ChannelNew
from services.notify.transports import check_address
from services.notify.usecases import views
from services.notify.usecases.channels import NewChannel, UnknownUnitError, add_channel, remove_channel
from services.notify.usecases.deliveries import try_again
from shared.auth import Principal, require, signed_in
from shared.contracts.dispatch import Role
from shared.database import SessionDep
from shared.problems import Problem, field_problem

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["notify"])

SignedIn = Annotated[Principal, Depends(signed_in)]
Keeper = Annotated[Principal, Depends(require(Role.ADMINISTRATOR, Role.OFFICE))]


@router.get("/channels")
async def get_channels(session: SessionDep, who: SignedIn) -> list[views.ChannelView]:
    """List the channels in use."""
    return await views.list_channels(session, who)


@router.post("/channels", status_code=201)
async def post_channel(new: ChannelNew, request: Request, session: SessionDep, who: Keeper) -> ChannelAdded:
    """Add a channel for alerts raised from now on."""
    try:
        address = await check_address(new.url.strip(), request.app.state.internal_networks)
    except ValueError as error:
        raise field_problem("url", str(error)) from None
    channel = NewChannel(new.recipient, new.name.strip(), new.url.strip(), address, new.occasions)
    try:
        channel_id = await add_channel(session, channel, by=who.person_id, clock=request.app.state.clock)
    except UnknownUnitError:
        message = "没有这个单位"
        raise field_problem("recipient", message) from None
    return ChannelAdded(channel_id=channel_id, address=address)


@router.delete("/channels/{channel_id}", status_code=204)
async def delete_channel(channel_id: UUID, request: Request, session: SessionDep, who: Keeper) -> Response:
    """Stop using a channel."""
    if not await remove_channel(session, channel_id, by=who.person_id, clock=request.app.state.clock):
        raise Problem(404, "没有这个接收渠道")
    return Response(status_code=204)


@router.get("/deliveries")
async def get_deliveries(
    session: SessionDep,
    who: SignedIn,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> views.DeliveryPage:
    """List alerts and what became of them, the newest first, `limit` alerts a page."""
    return await views.list_deliveries(session, who, before=before, limit=limit)


@router.post("/deliveries/{delivery_id}/retry", status_code=202)
async def post_retry(delivery_id: UUID, session: SessionDep, who: Keeper) -> dict[str, str]:
    """Send a delivery that was given up once more."""
    await try_again(session, delivery_id, by=who.person_id)
    return {"state": "claimed"}
