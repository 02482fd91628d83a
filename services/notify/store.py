"""Every SQL statement of notify."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.domain import State
from services.notify.tables import AlertRow, Base, ChannelRow, ComplaintRow, DeliveryRow

__all__ = [
    "Pending",
    "add_alerts",
    "add_channel",
    "add_complaints",
    "add_deliveries",
    "count_untold",
    "find_delivery",
    "find_pending",
    "free_channel",
    "free_own_leases",
    "known_complaints",
    "list_alerts",
    "list_channels",
    "list_deliveries",
    "lock_channel",
    "lock_free_channel",
    "next_alert_seq",
    "remove_channel",
    "update_delivery",
]

complaints, channels, alerts, deliveries = (
    Base.metadata.tables[name] for name in ("complaints", "channels", "alerts", "deliveries")
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery with all that sending it needs."""

    delivery: DeliveryRow
    alert: AlertRow
    channel: ChannelRow
    number: str


async def add_complaints(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the numbers of complaints; one already known stays as it is."""
    await session.execute(insert(complaints).on_conflict_do_nothing(), list(rows))


async def known_complaints(session: AsyncSession, ids: Collection[UUID]) -> set[UUID]:
    """Which of these complaints have a number here."""
    found = await session.scalars(
        sa.select(complaints.c.complaint_id).where(complaints.c.complaint_id.in_(ids))
    )
    return set(found)


async def add_alerts(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """Write alerts; returns the ids of those that were not there yet."""
    statement = insert(alerts).on_conflict_do_nothing().returning(alerts.c.alert_id)
    return set(await session.scalars(statement, list(rows)))


async def add_deliveries(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write deliveries, due at once; one with a dedupe key that exists changes nothing."""
    statement = insert(deliveries).values(next_at=sa.func.now()).on_conflict_do_nothing()
    await session.execute(statement, list(rows))


async def list_channels(session: AsyncSession) -> list[ChannelRow]:
    """Every channel in use, by recipient, the oldest first."""
    statement = (
        sa.select(ChannelRow)
        .where(channels.c.removed_at.is_(None))
        .order_by(channels.c.recipient, channels.c.created_at)
    )
    return list(await session.scalars(statement))


async def add_channel(session: AsyncSession, values: dict[str, Any]) -> None:
    """Write a channel, free at once."""
    await session.execute(sa.insert(channels).values(**values, free_at=sa.func.now()))


async def remove_channel(session: AsyncSession, channel_id: UUID, *, at: datetime, by: UUID) -> bool:
    """Take a channel out of use and wipe its secret; False if there is no such channel in use."""
    statement = (
        sa.update(channels)
        .where(channels.c.channel_id == channel_id, channels.c.removed_at.is_(None))
        .values(url=None, removed_at=at, removed_by=by)
    )
    return (await session.execute(statement.returning(channels.c.channel_id))).first() is not None


async def lock_channel(session: AsyncSession, channel_id: UUID) -> None:
    """Lock a channel, always before one of its deliveries."""
    await session.execute(
        sa.select(channels.c.channel_id).where(channels.c.channel_id == channel_id).with_for_update()
    )


async def free_channel(session: AsyncSession, channel_id: UUID, after: timedelta) -> None:
    """Let the next delivery through a channel `after` now."""
    statement = sa.update(channels).where(channels.c.channel_id == channel_id)
    await session.execute(statement.values(free_at=sa.func.now() + after))


async def lock_free_channel(session: AsyncSession, lease: timedelta) -> UUID | None:
    """Take the free channel with the longest due delivery for `lease`; return that delivery's id.

    Replicas share: a channel another one is taking is passed over.
    """
    due = (
        sa.select(deliveries.c.delivery_id, deliveries.c.next_at)
        .where(deliveries.c.channel_id == channels.c.channel_id, deliveries.c.next_at <= sa.func.now())
        .order_by(deliveries.c.next_at)
        .limit(1)
        .lateral("due")
    )
    row = (
        await session.execute(
            sa.select(channels.c.channel_id, due.c.delivery_id)
            .select_from(channels.join(due, sa.true()))
            .where(channels.c.free_at <= sa.func.now())
            .order_by(due.c.next_at)
            .limit(1)
            .with_for_update(of=channels, skip_locked=True)
        )
    ).first()
    if row is None:
        return None
    await free_channel(session, row.channel_id, lease)
    delivery_id: UUID = row.delivery_id
    return delivery_id


async def find_pending(session: AsyncSession, delivery_id: UUID) -> Pending | None:
    """A delivery that is still due, locked, with its alert, channel and complaint number."""
    row = (
        await session.execute(
            sa.select(DeliveryRow, AlertRow, ChannelRow, complaints.c.number)
            .join(AlertRow, alerts.c.alert_id == deliveries.c.alert_id)
            .join(ChannelRow, channels.c.channel_id == deliveries.c.channel_id)
            .join(ComplaintRow, complaints.c.complaint_id == alerts.c.complaint_id)
            .where(deliveries.c.delivery_id == delivery_id, deliveries.c.next_at <= sa.func.now())
            .with_for_update(of=deliveries)
        )
    ).first()
    return None if row is None else Pending(*row)


async def find_delivery(session: AsyncSession, delivery_id: UUID) -> tuple[DeliveryRow, ChannelRow] | None:
    """A delivery, locked, with its channel."""
    row = (
        await session.execute(
            sa.select(DeliveryRow, ChannelRow)
            .join(ChannelRow, channels.c.channel_id == deliveries.c.channel_id)
            .where(deliveries.c.delivery_id == delivery_id)
            .with_for_update(of=deliveries)
        )
    ).first()
    return None if row is None else (row[0], row[1])


async def update_delivery(
    session: AsyncSession,
    delivery_id: UUID,
    *,
    wait: timedelta | None,
    values: dict[str, Any],
    attempt: int | None = None,
) -> bool:
    """Change a delivery, due again after `wait` or never; False if it is not in that attempt any more."""
    next_at = None if wait is None else sa.func.now() + wait
    statement = sa.update(deliveries).where(deliveries.c.delivery_id == delivery_id)
    if attempt is not None:
        statement = statement.where(
            deliveries.c.state == State.SENDING.value, deliveries.c.attempt == attempt
        )
    changed = await session.execute(
        statement.values(**values, next_at=next_at).returning(deliveries.c.delivery_id)
    )
    return changed.first() is not None


async def free_own_leases(session: AsyncSession, sender: str) -> None:
    """End the leases of `sender`: it was started again, so what it was sending was interrupted."""
    own = deliveries.c.state == State.SENDING.value, deliveries.c.sender == sender
    interrupted = sa.select(deliveries.c.channel_id).where(*own)
    await session.execute(
        sa.update(channels).where(channels.c.channel_id.in_(interrupted)).values(free_at=sa.func.now())
    )
    await session.execute(sa.update(deliveries).where(*own).values(next_at=sa.func.now()))


async def next_alert_seq(session: AsyncSession, complaint_id: UUID) -> int:
    """The next number of a complaint's events on `alert.events`; locks the complaint."""
    statement = (
        sa.update(complaints)
        .where(complaints.c.complaint_id == complaint_id)
        .values(alert_seq=complaints.c.alert_seq + 1)
        .returning(complaints.c.alert_seq)
    )
    return int((await session.execute(statement)).scalar_one())


async def list_alerts(
    session: AsyncSession, *, recipient: str | None, before: int | None, limit: int
) -> list[tuple[AlertRow, str]]:
    """Alerts with their complaint numbers, the newest first, from before a position."""
    statement = sa.select(AlertRow, complaints.c.number).join(
        ComplaintRow, complaints.c.complaint_id == alerts.c.complaint_id
    )
    if recipient is not None:
        statement = statement.where(alerts.c.recipient == recipient)
    if before is not None:
        statement = statement.where(alerts.c.position < before)
    rows = await session.execute(statement.order_by(alerts.c.position.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def list_deliveries(
    session: AsyncSession, alert_ids: Collection[UUID]
) -> list[tuple[DeliveryRow, ChannelRow]]:
    """Deliveries of these alerts with their channels, the oldest channel first."""
    rows = await session.execute(
        sa.select(DeliveryRow, ChannelRow)
        .join(ChannelRow, channels.c.channel_id == deliveries.c.channel_id)
        .where(deliveries.c.alert_id.in_(alert_ids))
        .order_by(channels.c.created_at)
    )
    return [(row[0], row[1]) for row in rows]


async def count_untold(session: AsyncSession) -> dict[str, int]:
    """How many deliveries stand in each state but `sent`."""
    rows = await session.execute(
        sa.select(deliveries.c.state, sa.func.count())
        .where(deliveries.c.state != State.SENT.value)
        .group_by(deliveries.c.state)
    )
    return {row.state: row[1] for row in rows}
