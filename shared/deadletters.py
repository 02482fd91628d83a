"""Dead letters: records that no retry makes processable, kept with their raw bytes until somebody decides.

The row in PostgreSQL is the truth; a copy goes to `<topic>.dead` through the outbox. A dead letter on an
event topic holds its own complaint only: the inbox does not advance, so later events of that key wait as a
gap until the letter is replayed or discarded. Both put it where the next sweep finds it: `pending_events`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox
from shared.contracts.topics import TopicKind, dead_topic, kind_of
from shared.database import delivery_metadata
from shared.ids import uuid7
from shared.inbox import pend
from shared.wire import Envelope, RawRecord, Unreadable, read_envelope

__all__ = [
    "MOST_LISTED",
    "DeadLetter",
    "SettleError",
    "dead_letters",
    "discard",
    "find",
    "list_open",
    "record",
    "replay",
]

MOST_LISTED = 200
"""Dead letters in one list; more are seen as these are settled."""
_MIRROR_LIMIT, _HEADERS_LIMIT = 900_000, 50_000
"""Bytes of body and headers that the mirror of a record takes over; Kafka takes a record of 1 MB."""

dead_letters = sa.Table(
    "dead_letters",
    delivery_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("kafka_partition", sa.Integer, nullable=False),
    sa.Column("kafka_offset", sa.BigInteger, nullable=False),
    sa.Column("kafka_key", sa.LargeBinary),
    sa.Column("key", sa.Text),
    sa.Column("seq", sa.BigInteger),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("body", sa.LargeBinary),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
    sa.Column("settled_as", sa.Text),
    sa.Column("settled_by", sa.Text),
    sa.Column("settled_reason", sa.Text),
    sa.UniqueConstraint("topic", "kafka_partition", "kafka_offset"),
    sa.Index("ix_dead_letters_open", "topic", "key", postgresql_where=sa.text("settled_at IS NULL")),
)


class SettleError(ValueError):
    """A dead letter cannot be settled this way; the message, in Chinese, says why."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter as an operator sees it, without its content."""

    id: UUID
    topic: str
    partition: int
    offset: int
    key: str | None
    seq: int | None
    reason: str
    detail: str
    received_at: datetime
    settled_at: datetime | None
    settled_as: str | None


async def record(
    session: AsyncSession, service: str, letter: Envelope | Unreadable, reason: str, detail: str
) -> None:
    """Keep a record that cannot be processed and mirror it, in the caller's transaction.

    The same record (topic, partition, offset) is kept once; one that was settled and failed again is opened
    again with the new reason.
    """
    raw = letter.raw
    values = {
        "id": uuid7(),
        "topic": raw.topic,
        "kafka_partition": raw.partition,
        "kafka_offset": raw.offset,
        "kafka_key": raw.key,
        "key": letter.key,
        "seq": letter.seq,
        "headers": dict(raw.headers),
        "body": raw.value,
        "reason": reason,
        "detail": detail[:2000].replace("\x00", "\\x00"),
    }
    statement = insert(dead_letters).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=["topic", "kafka_partition", "kafka_offset"],
        set_={
            "reason": statement.excluded.reason,
            "detail": statement.excluded.detail,
            "settled_at": None,
            "settled_as": None,
            "settled_by": None,
            "settled_reason": None,
        },
        where=dead_letters.c.settled_at.is_not(None),
    )
    kept = (await session.execute(statement.returning(dead_letters.c.id))).scalar_one_or_none()
    if kept is not None:
        await outbox.add_raw(session, [_mirror(service, raw, reason, detail)])


def _mirror(service: str, raw: RawRecord, reason: str, detail: str) -> dict[str, Any]:
    event_id = uuid7()
    key = f"{raw.topic}/{raw.partition}/{raw.offset}"
    whole = raw.value is not None and len(raw.value) <= _MIRROR_LIMIT
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event_id),
        "ce_type": "dead.letter.v1",
        "ce_source": f"/huiying/{service}",
        "ce_subject": key,
        "dead_reason": reason,
        "dead_detail": detail[:300].encode("ascii", "backslashreplace").decode(),
        "dead_body": "whole" if whole else "left out",
    } | _original_headers(raw.headers)
    return {
        "event_id": event_id,
        "topic": dead_topic(raw.topic),
        "key": key,
        "seq": raw.offset + 1,
        "type": "dead.letter.v1",
        "headers": headers,
        "body": raw.value if whole else b"",
    }


def _original_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a record under their mirrored names, as many as go with it; all are in the row."""
    room = _HEADERS_LIMIT
    taken: dict[str, str] = {}
    for name, value in headers.items():
        room -= len(name.encode()) + len(value.encode())
        if room < 0:
            return taken | {"dead_headers": "left out in part"}
        taken[f"original_{name}"] = value
    return taken


_COLUMNS = (
    dead_letters.c.id,
    dead_letters.c.topic,
    dead_letters.c.kafka_partition,
    dead_letters.c.kafka_offset,
    dead_letters.c.key,
    dead_letters.c.seq,
    dead_letters.c.reason,
    dead_letters.c.detail,
    dead_letters.c.received_at,
    dead_letters.c.settled_at,
    dead_letters.c.settled_as,
)


async def list_open(session: AsyncSession, *, limit: int = MOST_LISTED) -> Sequence[DeadLetter]:
    """Unsettled dead letters, oldest first."""
    rows = await session.execute(
        sa.select(*_COLUMNS)
        .where(dead_letters.c.settled_at.is_(None))
        .order_by(dead_letters.c.received_at, dead_letters.c.id)
        .limit(limit)
    )
    return [DeadLetter(*row) for row in rows]


async def find(session: AsyncSession, letter_id: UUID) -> tuple[DeadLetter, RawRecord] | None:
    """One dead letter with its raw record, locked; None where there is none."""
    row = (
        await session.execute(
            sa.select(*_COLUMNS, dead_letters.c.kafka_key, dead_letters.c.headers, dead_letters.c.body)
            .where(dead_letters.c.id == letter_id)
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return None
    letter = DeadLetter(*row[: len(_COLUMNS)])
    raw = RawRecord(letter.topic, letter.partition, letter.offset, row.kafka_key, row.headers, row.body)
    return letter, raw


async def replay(session: AsyncSession, letter_id: UUID, *, by: str) -> None:
    """Have the record processed again by the next sweep. SettleError if that cannot be.

    If it fails again the letter opens again.
    """
    letter, raw = await _open_letter(session, letter_id)
    envelope = read_envelope(raw)
    if isinstance(envelope, Unreadable):
        raise SettleError(f"这条消息仍然无法读取，不能重放：{envelope.detail}")
    await pend(session, [envelope])
    await _settle(session, letter.id, "replayed", by, None)


async def discard(session: AsyncSession, letter_id: UUID, *, by: str, reason: str) -> None:
    """Give the record up, with a reason; later events of its complaint go on. SettleError if settled."""
    if not reason.strip():
        raise SettleError("请写明放弃这条消息的原因")
    letter, raw = await _open_letter(session, letter_id)
    if letter.key is not None and letter.seq is not None and kind_of(letter.topic) is TopicKind.EVENT:
        await pend(session, [_placeholder(letter, raw)])
    await _settle(session, letter.id, "discarded", by, reason.strip())


def _placeholder(letter: DeadLetter, raw: RawRecord) -> Envelope:
    """An envelope that takes the letter's number in the order of its key and has no effect."""
    headers = {
        "ce_id": str(letter.id),
        "ce_type": "discarded",
        "ce_time": letter.received_at.isoformat(),
        "ce_seq": str(letter.seq),
    }
    placeholder = RawRecord(raw.topic, raw.partition, raw.offset, raw.key, headers, None)
    envelope = read_envelope(placeholder, discarded=True)
    if isinstance(envelope, Unreadable):
        raise SettleError(f"这条消息无法放弃：{envelope.detail}")
    return envelope


async def _open_letter(session: AsyncSession, letter_id: UUID) -> tuple[DeadLetter, RawRecord]:
    found = await find(session, letter_id)
    if found is None:
        raise SettleError("没有这条死信")
    if found[0].settled_at is not None:
        raise SettleError("这条死信已经处理过了")
    return found


async def _settle(session: AsyncSession, letter_id: UUID, as_: str, by: str, reason: str | None) -> None:
    await session.execute(
        sa.update(dead_letters)
        .where(dead_letters.c.id == letter_id)
        .values(settled_at=sa.func.now(), settled_as=as_, settled_by=by, settled_reason=reason)
    )
