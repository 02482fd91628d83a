"""The outbox: the only way an event leaves a service.

Theory of operation. An event is a row, written in the transaction that made the fact true, so the two exist
together or not at all. The writer holds the lock of the row that numbers the key's events (the complaint, the
assignment ...) *before* it inserts here; therefore ids of one key rise with its sequence numbers. Ids of
different keys may commit in any order: whoever reads must select the unpublished rows and never remember
"the last id". A statement trigger notes the ids of new rows as unpublished, whoever inserts them, and
notifies channel `outbox`, which wakes the relay at commit. The relay takes the ids off; the rows themselves
are never written again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.envelope import Event, Origin, headers_of
from shared.database import delivery_metadata
from shared.ids import uuid7
from shared.rows import Columns, Insertion, insert_all

__all__ = [
    "CHANNEL",
    "KEEP_PUBLISHED",
    "WRITTEN",
    "Outgoing",
    "add",
    "add_all",
    "add_raw",
    "insertion_of",
    "outbox",
    "prune",
    "publications",
    "row_of",
    "unpublished",
]

CHANNEL = "outbox"
KEEP_PUBLISHED = timedelta(days=30)
"""Published rows are kept this long, so that a Kafka log that lost its tail can be rebuilt from them."""

_ABOVE_ALL = sa.literal(2**63 - 1, sa.BigInteger)

outbox = sa.Table(
    "outbox",
    delivery_metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("headers", JSON, nullable=False),
    sa.Column("body", sa.LargeBinary),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

unpublished = sa.Table(
    "outbox_unpublished", delivery_metadata, sa.Column("id", sa.BigInteger, primary_key=True)
)
"""The ids of the rows that are still to be published. To publish some again, put back their ids."""

publications = sa.Table(
    "outbox_publications",
    delivery_metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("first_id", sa.BigInteger, nullable=False),
    sa.Column("last_id", sa.BigInteger, nullable=False),
    sa.Column("published_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("ix_outbox_publications_published_at", "published_at"),
)
"""What the relay published at once: the least and the greatest id of each mark, and its epoch then."""

WRITTEN = Columns(
    outbox, ("event_id", "topic", "key", "seq", "type", "headers", "body"), composite="outbox_given_v2"
)
"""The columns that an event is written with; the database sets the others."""


class Outgoing(msgspec.Struct, frozen=True):
    """One event to publish: its payload and what the envelope says of it.

    `seq` is the next number of the event's (topic, key), taken from a counter on a row the caller has locked.
    `occurred_at` is when the fact became true, not when it is written. `causation` is the id of the event
    that caused this one, whose origin is inherited.
    """

    event: Event
    seq: int
    occurred_at: datetime
    source: str
    origin: Origin = Origin.LIVE
    causation: UUID | None = None


def row_of(outgoing: Outgoing) -> dict[str, Any]:
    """The outbox row of an event, with a fresh event id; its headers are final."""
    event_id = uuid7()
    event = outgoing.event
    headers = headers_of(
        event,
        event_id=event_id,
        source=outgoing.source,
        occurred_at=outgoing.occurred_at,
        seq=outgoing.seq,
        origin=outgoing.origin,
        causation=outgoing.causation,
    )
    return {
        "event_id": event_id,
        "topic": event.topic,
        "key": headers["ce_subject"],
        "seq": outgoing.seq,
        "type": event.type,
        "headers": headers,
        "body": event.to_json(),
    }


async def add(session: AsyncSession, outgoing: Outgoing) -> UUID:
    """Write one event in the caller's transaction; returns its id. Never flushes or commits for others."""
    return (await add_all(session, [outgoing]))[0]


async def add_all(session: AsyncSession, outgoing: Sequence[Outgoing]) -> list[UUID]:
    """Write events, in this order, in one statement of the caller's transaction; returns their ids."""
    events = insertion_of(outgoing)
    await insert_all(session, events)
    return [row["event_id"] for row in events.rows]


def insertion_of(outgoing: Sequence[Outgoing]) -> Insertion:
    """Events as rows to be inserted, in this order, together with what made them true."""
    return Insertion(WRITTEN, [row_of(one) for one in outgoing])


async def add_raw(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows whose bytes are already final (copies of dead letters)."""
    await insert_all(session, Insertion(WRITTEN, rows))


async def prune(session: AsyncSession, *, limit: int = 10_000) -> int:
    """Delete the oldest rows, at most `limit`, that were published before KEEP_PUBLISHED; returns how many.

    From the least id on that is unpublished, or was published since then, every row is kept. An id that
    somebody puts back while its row is being pruned is taken off again by the next call.
    """
    since = sa.func.now() - KEEP_PUBLISHED
    first_id = sa.select(sa.func.min(outbox.c.id)).scalar_subquery()
    await session.execute(sa.delete(unpublished).where(unpublished.c.id < first_id))
    kept = sa.func.least(
        sa.select(sa.func.min(publications.c.first_id))
        .where(publications.c.published_at >= since)
        .scalar_subquery(),
        sa.select(sa.func.min(unpublished.c.id)).scalar_subquery(),
    )
    oldest = sa.select(outbox.c.id).where(outbox.c.id < sa.func.coalesce(kept, _ABOVE_ALL))
    old = oldest.order_by(outbox.c.id).limit(limit)
    result = await session.execute(sa.delete(outbox).where(outbox.c.id.in_(old)).returning(outbox.c.id))
    await session.execute(sa.delete(publications).where(publications.c.published_at < since))
    return len(result.all())
