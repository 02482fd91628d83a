"""Keeping the channels through which recipients are told."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import store
from services.notify.domain import Occasion
from shared import state
from shared.clock import Clock
from shared.contracts.dispatch import UnitState
from shared.ids import uuid7
from shared.logs import get_logger

__all__ = ["NewChannel", "UnknownUnitError", "add_channel", "remove_channel", "units"]

_log = get_logger(__name__)

OFFICE = "office"


class UnknownUnitError(LookupError):
    """No unit has this code."""


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel to add: its recipient (a unit's code or `office`), checked address and what it is for."""

    recipient: str
    name: str
    url: str
    address: str
    occasions: Collection[Occasion]


async def units(session: AsyncSession) -> list[UnitState]:
    """Every unit, in directory order."""
    return sorted(await state.load_all(session, UnitState), key=lambda unit: unit.position)


async def add_channel(session: AsyncSession, new: NewChannel, *, by: UUID, clock: Clock) -> UUID:
    """Add a channel for alerts raised from now on; return its id. UnknownUnitError if nobody is meant."""
    unit = _recipient(new.recipient, await units(session))
    channel_id = uuid7()
    await store.add_channel(
        session,
        {
            "channel_id": channel_id,
            "recipient": unit.code,
            "name": new.name or unit.name,
            "url": new.url,
            "address": new.address,
            "occasions": sorted(occasion.value for occasion in new.occasions),
            "created_at": clock.now(),
            "created_by": by,
        },
    )
    _log.info("channel_added", channel_id=str(channel_id), recipient=unit.code, by=str(by))
    return channel_id


async def remove_channel(session: AsyncSession, channel_id: UUID, *, by: UUID, clock: Clock) -> bool:
    """Stop using a channel and forget its secret; False if there is no such channel."""
    removed = await store.remove_channel(session, channel_id, at=clock.now(), by=by)
    if removed:
        _log.info("channel_removed", channel_id=str(channel_id), by=str(by))
    return removed


def _recipient(wanted: str, known: Collection[UnitState]) -> UnitState:
    for unit in known:
        if unit.code == wanted or (wanted == OFFICE and unit.office):
            return unit
    raise UnknownUnitError(wanted)
