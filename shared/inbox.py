"""The inbox: what makes at-least-once delivery have each effect once, in order.

Theory of operation. One row per (topic, key) holds the last sequence number applied; it is locked while a
batch runs, so a zombie consumer, a second replica and a replay all queue behind it. On event topics a number
that is not newer is a duplicate, the next number is applied, and a later one is a gap that waits in
`pending_events`; so does an event whose prerequisite (its complaint, its content) is not here yet. On content
and state topics the highest number wins. The number advances also on types that a service ignores.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import delivery_metadata
from shared.rows import parameters, selected
from shared.wire import Envelope, RawRecord, Unreadable, read_envelope

__all__ = [
    "Admission",
    "advance",
    "inbox",
    "load_pending",
    "lock",
    "pend",
    "pending_events",
    "unpend",
    "waiting_keys",
    "walk",
]

inbox = sa.Table(
    "inbox",
    delivery_metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
)

pending_events = sa.Table(
    "pending_events",
    delivery_metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("kafka_partition", sa.Integer, nullable=False),
    sa.Column("kafka_offset", sa.BigInteger, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("body", sa.LargeBinary),
    sa.Column("discarded", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("ix_pending_events_key", "key"),
    sa.Index("ix_pending_events_tried_at", "tried_at"),
)

_LOCK = sa.text(
    """
    INSERT INTO inbox (topic, key, last_seq)
    SELECT :topic, key, 0 FROM unnest(CAST(:keys AS text[])) AS given (key) ORDER BY key
    ON CONFLICT (topic, key) DO UPDATE SET last_seq = inbox.last_seq
    RETURNING key, last_seq
    """
)
_ADVANCE = sa.text(
    """
    UPDATE inbox SET last_seq = given.seq
    FROM unnest(CAST(:keys AS text[]), CAST(:numbers AS bigint[])) AS given (key, seq)
    WHERE inbox.topic = :topic AND inbox.key = given.key
    """
)
_UNPEND = sa.text(
    """
    DELETE FROM pending_events AS kept
    USING unnest(CAST(:topics AS text[]), CAST(:keys AS text[]), CAST(:numbers AS bigint[]))
          AS given (topic, key, seq)
    WHERE kept.topic = given.topic AND kept.key = given.key AND kept.seq = given.seq
    """
)
_KEPT = ("topic", "key", "seq", "kafka_partition", "kafka_offset", "headers", "body", "discarded")
_PEND = insert(pending_events).from_select(_KEPT, selected(pending_events, _KEPT)).on_conflict_do_nothing()
_LOAD_PENDING = (
    sa.select(*(pending_events.c[name] for name in _KEPT if name != "seq"))
    .where(pending_events.c.key == sa.any_(sa.bindparam("keys", type_=sa.ARRAY(sa.Text))))
    .order_by(pending_events.c.topic, pending_events.c.key, pending_events.c.seq)
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a walk over the numbers of one topic decided: apply now, wait, or drop as a duplicate."""

    fresh: tuple[Envelope, ...]
    waiting: tuple[Envelope, ...]
    duplicates: tuple[Envelope, ...]


def walk(envelopes: Iterable[Envelope], last: Mapping[str, int]) -> Admission:
    """Sort the envelopes of one event topic into fresh, waiting and duplicates. Pure.

    `last` holds the last applied number of each key (0 where none). Per key, fresh ones come in order.
    """
    by_key: dict[str, dict[int, Envelope]] = {}
    duplicates: list[Envelope] = []
    for envelope in envelopes:
        numbered = by_key.setdefault(envelope.key, {})
        if envelope.seq <= last[envelope.key] or envelope.seq in numbered:
            duplicates.append(envelope)
        else:
            numbered[envelope.seq] = envelope
    fresh: list[Envelope] = []
    waiting: list[Envelope] = []
    for key, numbered in by_key.items():
        following = last[key] + 1
        for seq in sorted(numbered):
            if seq == following:
                fresh.append(numbered[seq])
                following += 1
            else:
                waiting.append(numbered[seq])
    return Admission(tuple(fresh), tuple(waiting), tuple(duplicates))


async def lock(session: AsyncSession, topic: str, keys: Collection[str]) -> dict[str, int]:
    """Lock the inbox rows of `keys`, made where missing, in key order; their last applied numbers."""
    result = await session.execute(_LOCK, {"topic": topic, "keys": sorted(keys)})
    return {row.key: row.last_seq for row in result}


async def advance(session: AsyncSession, topic: str, reached: Mapping[str, int]) -> None:
    """Set the last applied number of each key; the rows are locked by this transaction."""
    if not reached:
        return
    await session.execute(
        _ADVANCE, {"topic": topic, "keys": list(reached), "numbers": list(reached.values())}
    )


async def pend(session: AsyncSession, envelopes: Sequence[Envelope]) -> None:
    """Keep envelopes until what they wait for is here; keeping one twice changes nothing."""
    rows = [
        {
            "topic": one.topic,
            "key": one.key,
            "seq": one.seq,
            "kafka_partition": one.raw.partition,
            "kafka_offset": one.raw.offset,
            "headers": dict(one.raw.headers),
            "body": one.raw.value,
            "discarded": one.discarded,
        }
        for one in envelopes
    ]
    if rows:
        await session.execute(_PEND, parameters(pending_events, rows))


async def unpend(session: AsyncSession, envelopes: Sequence[Envelope]) -> None:
    """Forget pending envelopes that were applied or turned out to be duplicates."""
    if envelopes:
        await session.execute(
            _UNPEND,
            {
                "topics": [one.topic for one in envelopes],
                "keys": [one.key for one in envelopes],
                "numbers": [one.seq for one in envelopes],
            },
        )


async def load_pending(session: AsyncSession, keys: Collection[str]) -> list[Envelope]:
    """Everything that waits under `keys`, on any topic, in (topic, key, seq) order."""
    if not keys:
        return []
    rows = await session.execute(_LOAD_PENDING, {"keys": list(keys)})
    found: list[Envelope] = []
    for topic, key, partition, offset, headers, body, discarded in rows:
        raw = RawRecord(topic, partition, offset, key.encode(), headers, body)
        envelope = read_envelope(raw, pending=True, discarded=discarded)
        if isinstance(envelope, Unreadable):  # it was readable when it was kept
            raise TypeError(f"pending event is unreadable: {envelope.detail}")
        found.append(envelope)
    return found


async def waiting_keys(session: AsyncSession, *, limit: int = 500) -> list[str]:
    """Keys with something waiting that was not tried for a second, longest untried first; marks the try."""
    table = pending_events.c
    rows = await session.execute(
        sa.select(table.key)
        .where(table.tried_at < sa.func.now() - sa.text("interval '1 second'"))
        .group_by(table.key)
        .order_by(sa.func.min(table.tried_at))
        .limit(limit)
    )
    keys = [key for (key,) in rows]
    if keys:
        await session.execute(
            sa.update(pending_events).where(table.key.in_(keys)).values(tried_at=sa.func.now())
        )
    return keys
