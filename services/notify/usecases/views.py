"""What people may see of channels and deliveries: addresses masked, a unit's people only their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import store
from services.notify.domain import State, may_be_asked_for
from services.notify.tables import AlertRow, ChannelRow, DeliveryRow
from services.notify.usecases.channels import units
from shared.auth import Principal
from shared.contracts.dispatch import Role

__all__ = [
    "NO_CHANNEL",
    "ChannelView",
    "DeliveryPage",
    "DeliveryView",
    "list_channels",
    "list_deliveries",
    "own_unit",
]

NO_CHANNEL = "no_channel"


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel; `address` shows no secret."""

    channel_id: UUID
    recipient: str
    unit_name: str
    name: str
    address: str
    occasions: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """An alert through one channel, or an alert for which there was no channel (`no_channel`).

    `retryable` if it was given up and can be sent again by hand.
    """

    alert_id: UUID
    delivery_id: UUID | None
    complaint_id: UUID
    number: str
    occasion: str
    recipient: str
    recipient_name: str
    channel: str | None
    state: str
    attempts: int
    resent: bool
    reason: str | None
    created_at: datetime
    settled_at: datetime | None
    retryable: bool


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, the newest first; `next_before` begins the next page, None on the last."""

    deliveries: list[DeliveryView]
    next_before: int | None


def own_unit(principal: Principal) -> str | None:
    """The unit a person's view is limited to, None for those who see all."""
    if principal.role in {Role.UNIT_MEMBER, Role.UNIT_LEADER, Role.SERVICE}:
        return principal.unit
    return None


async def list_channels(session: AsyncSession, principal: Principal) -> list[ChannelView]:
    """Return the channels a person may see."""
    names = await _names(session)
    return [
        ChannelView(
            channel_id=channel.channel_id,
            recipient=channel.recipient,
            unit_name=names.get(channel.recipient, channel.recipient),
            name=channel.name,
            address=channel.address,
            occasions=channel.occasions,
            created_at=channel.created_at,
        )
        for channel in await store.list_channels(session)
        if own_unit(principal) in {None, channel.recipient}
    ]


async def list_deliveries(
    session: AsyncSession, principal: Principal, *, before: int | None, limit: int
) -> DeliveryPage:
    """Return a page of `limit` alerts a person may see, each with its deliveries."""
    found = await store.list_alerts(session, recipient=own_unit(principal), before=before, limit=limit + 1)
    shown = found[:limit]
    names = await _names(session)
    by_alert: dict[UUID, list[tuple[DeliveryRow, ChannelRow]]] = {}
    for delivery, channel in await store.list_deliveries(session, [alert.alert_id for alert, _ in shown]):
        by_alert.setdefault(delivery.alert_id, []).append((delivery, channel))
    views = [
        _view(alert, number, names, delivery, channel)
        for alert, number in shown
        for delivery, channel in by_alert.get(alert.alert_id, [(None, None)])
    ]
    return DeliveryPage(views, shown[-1][0].position if len(found) > limit else None)


def _view(
    alert: AlertRow,
    number: str,
    names: Mapping[str, str],
    delivery: DeliveryRow | None,
    channel: ChannelRow | None,
) -> DeliveryView:
    return DeliveryView(
        alert_id=alert.alert_id,
        delivery_id=delivery.delivery_id if delivery else None,
        complaint_id=alert.complaint_id,
        number=number,
        occasion=alert.occasion,
        recipient=alert.recipient,
        recipient_name=channel.name if channel else names.get(alert.recipient, alert.recipient),
        channel=channel.address if channel else None,
        state=delivery.state if delivery else NO_CHANNEL,
        attempts=delivery.attempt if delivery else 0,
        resent=delivery.resent if delivery else False,
        reason=delivery.reason if delivery else None,
        created_at=alert.created_at,
        settled_at=delivery.settled_at if delivery else None,
        retryable=_is_retryable(delivery, channel),
    )


def _is_retryable(delivery: DeliveryRow | None, channel: ChannelRow | None) -> bool:
    if delivery is None or channel is None or channel.url is None:
        return False
    return may_be_asked_for(State(delivery.state), over=delivery.next_at is None)


async def _names(session: AsyncSession) -> dict[str, str]:
    return {unit.code: unit.name for unit in await units(session)}
