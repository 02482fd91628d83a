"""From events to alerts: who must be told, and through which channels. Set-wise; nothing is sent here."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import store
from services.notify.domain import Occasion, State, recipients
from services.notify.tables import ChannelRow
from shared import state
from shared.clock import Clock
from shared.contracts.dispatch import (
    Assigned,
    AssignmentAnswered,
    DeadlineMissed,
    UnitState,
)
from shared.contracts.dispatch import (
    Clock as RunningClock,
)
from shared.contracts.envelope import Origin, Received
from shared.contracts.intake import ComplaintRegistered
from shared.ids import uuid5

__all__ = ["AlertCause", "is_prepared", "raise_alerts", "record_complaints"]

NAMESPACE = UUID("5b0f4f0e-6f0c-5f2b-9d0e-3a1f6c1c7a52")
"""Alert and delivery ids are UUIDv5 in this namespace: one fact, one id, also after a rebuild."""

AlertCause = Assigned | DeadlineMissed | AssignmentAnswered


@dataclass(frozen=True, slots=True)
class _Facts:
    occasion: Occasion
    subject: UUID
    urgency: str | None
    clocks: list[dict[str, str]]


async def is_prepared(session: AsyncSession) -> bool:
    """Whether the directory is here: without the office nobody knows whom to tell."""
    return any(unit.office for unit in await state.load_all(session, UnitState))


async def record_complaints(session: AsyncSession, events: Sequence[Received[ComplaintRegistered]]) -> None:
    """Keep the numbers by which alerts name complaints."""
    rows = [
        {"complaint_id": one.data.complaint_id, "number": one.data.number}
        for one in events
        if one.data is not None
    ]
    await store.add_complaints(session, rows)


async def raise_alerts(
    session: AsyncSession, events: Sequence[Received[AlertCause]], clock: Clock
) -> Collection[str]:
    """Write down each alert once, with a delivery per channel; recorded history raises none.

    Returns the keys of complaints that have no number here yet: their events wait.
    """
    unknown = await _unknown_complaints(session, events)
    live = [one for one in _live(events) if one.key not in unknown]
    if live:
        await _raise_alerts(session, live, clock)
    return unknown


async def _unknown_complaints(session: AsyncSession, events: Sequence[Received[AlertCause]]) -> set[str]:
    wanted = {one.key: one.data.complaint_id for one in _live(events) if one.data is not None}
    known = await store.known_complaints(session, wanted.values()) if wanted else set()
    return {key for key, complaint_id in wanted.items() if complaint_id not in known}


async def _raise_alerts(session: AsyncSession, live: Sequence[Received[AlertCause]], clock: Clock) -> None:
    office = next(unit.code for unit in await state.load_all(session, UnitState) if unit.office)
    now = clock.now()
    rows = [row for one in live if one.data is not None for row in _alerts_of(one, one.data, office, now)]
    unique = {row["alert_id"]: row for row in rows}
    new = await store.add_alerts(session, list(unique.values()))
    channels = await store.list_channels(session)
    deliveries = [
        _delivery(row, channel, now)
        for row in unique.values()
        if row["alert_id"] in new
        for channel in channels
        if channel.recipient == row["recipient"] and row["occasion"] in channel.occasions
    ]
    if deliveries:
        await store.add_deliveries(session, deliveries)


def _live(events: Iterable[Received[AlertCause]]) -> Iterator[Received[AlertCause]]:
    return (one for one in events if one.origin is Origin.LIVE)


def _alerts_of(
    received: Received[AlertCause], event: AlertCause, office: str, now: datetime
) -> Iterator[dict[str, Any]]:
    facts = _facts(received.id, event)
    for recipient in recipients(facts.occasion, event.unit, office):
        identity = f"{event.complaint_id}:{facts.occasion}:{facts.subject}:{recipient}"
        yield {
            "alert_id": uuid5(NAMESPACE, identity),
            "complaint_id": event.complaint_id,
            "occasion": facts.occasion.value,
            "subject": str(facts.subject),
            "recipient": recipient,
            "unit": event.unit,
            "urgency": facts.urgency,
            "clocks": facts.clocks,
            "event_id": received.id,
            "occurred_at": received.occurred_at,
            "created_at": now,
        }


def _facts(event_id: UUID, event: AlertCause) -> _Facts:
    match event:
        case Assigned():
            clocks = [_clock(one) for one in event.clocks if not one.at_close]
            return _Facts(Occasion.ASSIGNED, event_id, event.urgency, clocks)
        case DeadlineMissed():
            return _Facts(Occasion.DEADLINE_MISSED, event.deadline_id, event.urgency, [_clock(event)])
        case AssignmentAnswered():
            return _Facts(Occasion.ANSWERED, event.answer_id, None, [])


def _clock(clock: RunningClock | DeadlineMissed) -> dict[str, str]:
    return {"kind": clock.kind.value, "due_at": clock.due_at.isoformat()}


def _delivery(alert: dict[str, Any], channel: ChannelRow, now: datetime) -> dict[str, Any]:
    identity = ":".join(
        str(part)
        for part in (
            alert["complaint_id"],
            alert["occasion"],
            alert["subject"],
            alert["recipient"],
            channel.channel_id,
        )
    )
    return {
        "delivery_id": uuid5(NAMESPACE, identity),
        "alert_id": alert["alert_id"],
        "channel_id": channel.channel_id,
        "dedupe_key": identity,
        "state": State.CLAIMED.value,
        "created_at": now,
    }
