"""The inbox: what makes at-least-once delivery have each effect once, in order.

Theory of operation. One row per (topic, key) holds the last sequence number applied; it is locked while a
batch runs, so a zombie consumer, a second replica and a replay all queue behind it. On event topics a number
that is not newer is a duplicate, the next number is applied, and a later one is a gap that waits in
`pending_events`; so does an event whose prerequisite (its complaint, its content) is not here yet. On content
and state topics the highest number wins. The number advances also on types that a service ignores.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import delivery_metadata, fetch
from shared.rows import Columns, insertion, packed
from shared.wire import Envelope, RawRecord, Unreadable, read_envelope

__all__ = [
    "Admission",
    "Locked",
    "inbox",
    "load_pending",
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

_LOCK = """
    WITH waiting AS MATERIALIZED (
        SELECT topic, key, seq FROM pending_events WHERE key = ANY($2::text[] || $4::text[])
    ), locked AS (
        INSERT INTO inbox (topic, key, last_seq)
        SELECT topic, key, max(reached)
        FROM (
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
            UNION ALL
            SELECT topic, key, seq FROM waiting WHERE key = ANY($4::text[]) AND topic = ANY($5::text[])
        ) AS given (topic, key, reached)
        GROUP BY topic, key
        ORDER BY topic, key
        ON CONFLICT (topic, key) DO UPDATE SET last_seq = inbox.last_seq
        RETURNING topic, key, last_seq, xmax = 0 AS new
    ), found AS MATERIALIZED (
        SELECT *, key IN (SELECT key FROM waiting) AS awaited FROM locked
    )
    SELECT * FROM found WHERE awaited OR NOT new
"""
_ADVANCE = """
    UPDATE inbox SET last_seq = given.seq
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS given (topic, key, seq)
    WHERE inbox.topic = given.topic AND inbox.key = given.key
"""
_UNPEND = """
    DELETE FROM pending_events AS kept
    USING unnest($1::text[], $2::text[], $3::bigint[]) AS given (topic, key, seq)
    WHERE kept.topic = given.topic AND kept.key = given.key AND kept.seq = given.seq
"""
_KEPT = ("topic", "key", "seq", "kafka_partition", "kafka_offset", "headers", "body", "discarded")
_PEND = f"{insertion(Columns(pending_events, _KEPT))} ON CONFLICT DO NOTHING"
_LOAD_PENDING = """
    SELECT topic, key, kafka_partition, kafka_offset, headers::text, body, discarded FROM pending_events
    WHERE key = ANY($1::text[]) ORDER BY topic, key, seq
"""


Place = tuple[str, str]
"""A topic and a key of it."""


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


@dataclass(slots=True)
class Locked:
    """Inbox rows locked by this transaction, by topic and key: the last number applied before it.

    `awaited` are the keys under which something waits, on any topic.
    """

    last: dict[Place, int] = field(default_factory=dict)
    awaited: set[str] = field(default_factory=set)
    _stored: dict[Place, int] = field(default_factory=dict)

    def of_topic(self, topic: str) -> dict[str, int]:
        """The last applied numbers of one topic's keys."""
        return {key: last for (each, key), last in self.last.items() if each == topic}

    async def lock(
        self,
        session: AsyncSession,
        expected: Mapping[Place, int],
        follow: Collection[str] = (),
        topics: Collection[str] = (),
    ) -> None:
        """Lock the rows of `expected` that are not locked yet, all in the order of topic and key.

        With them those of `topics` under which something waits for a key in `follow`: were they locked in a
        second step, a batch and a sweep would wait for each other.
        A row that is missing is made with the number its key is expected to reach in this transaction, so
        that most keys are written once; `advance` puts right what came otherwise.
        """
        places = sorted(expected.keys() - self.last.keys())
        if not places and not follow:
            return
        given = [topic for topic, _ in places], [key for _, key in places], [expected[one] for one in places]
        rows = await fetch(session, _LOCK, *given, list(follow), list(topics))
        for place in places:  # new, and nothing waits for it, unless a row says more
            self.last[place], self._stored[place] = 0, expected[place]
        for topic, key, last, new, awaited in rows:
            self.last[topic, key] = 0 if new else last
            self._stored[topic, key] = last
            if awaited:
                self.awaited.add(key)

    async def advance(self, session: AsyncSession, reached: Mapping[Place, int]) -> None:
        """Have every row hold the number its key reached, or its last one where it reached none."""
        now = {place: max(last, reached.get(place, 0)) for place, last in self.last.items()}
        changed = [place for place, number in now.items() if number != self._stored[place]]
        if changed:
            topics, keys = zip(*changed, strict=True)
            await fetch(session, _ADVANCE, topics, keys, [now[place] for place in changed])


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
        await fetch(session, _PEND, packed(rows))


async def unpend(session: AsyncSession, envelopes: Sequence[Envelope]) -> None:
    """Forget pending envelopes that were applied or turned out to be duplicates."""
    if envelopes:
        topics, keys = [one.topic for one in envelopes], [one.key for one in envelopes]
        await fetch(session, _UNPEND, topics, keys, [one.seq for one in envelopes])


async def load_pending(session: AsyncSession, keys: Collection[str]) -> list[Envelope]:
    """Everything that waits under `keys`, on any topic, in (topic, key, seq) order."""
    if not keys:
        return []
    rows = await fetch(session, _LOAD_PENDING, list(keys))
    found: list[Envelope] = []
    for topic, key, partition, offset, headers, body, discarded in rows:
        raw = RawRecord(topic, partition, offset, key.encode(), json.loads(headers), body)
        envelope = read_envelope(raw, pending=True, discarded=discarded)
        if isinstance(envelope, Unreadable):  # it was readable when it was kept
            raise TypeError(f"pending event is unreadable: {envelope.detail}")
        found.append(envelope)
    return found


async def waiting_keys(session: AsyncSession, topics: Collection[str], *, limit: int = 500) -> list[str]:
    """Keys under which something of `topics` waits that was not tried for a second; marks the try.

    The longest untried come first.
    """
    table = pending_events.c
    rows = await session.execute(
        sa.select(table.key)
        .where(table.topic.in_(topics), table.tried_at < sa.func.now() - sa.text("interval '1 second'"))
        .group_by(table.key)
        .order_by(sa.func.min(table.tried_at))
        .limit(limit)
    )
    keys = [key for (key,) in rows]
    if keys:
        await session.execute(
            sa.update(pending_events)
            .where(table.topic.in_(topics), table.key.in_(keys))
            .values(tried_at=sa.func.now())
        )
    return keys
