"""Statements that register complaints, set-wise: a batch costs as many round trips as one complaint."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.domain.complaints import Complaint
from services.intake.domain.reports import phone_tail

__all__ = [
    "Claim",
    "StoredReply",
    "add_complaints",
    "add_imported_complaints",
    "add_outbox_rows",
    "claim_keys",
    "draw_serials",
    "get_replies",
]


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key and what is to be answered to it from now on."""

    key: str
    body_hash: bytes
    complaint_id: UUID
    reply: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What was answered to a key before."""

    body_hash: bytes
    reply: str


async def draw_serials(session: AsyncSession, count: int) -> list[int]:
    """Take serials; one taken in a transaction that fails is skipped for ever."""
    rows = await session.execute(_SERIALS, {"count": count})
    return [serial for (serial,) in rows]


async def claim_keys(session: AsyncSession, claims: Sequence[Claim]) -> set[str]:
    """Keep the claims whose key is new, in their order, and return those keys.

    A key that another transaction is just claiming is waited for; so claims must come sorted by key.
    """
    rows = await session.execute(
        _CLAIMS,
        {
            "keys": [one.key for one in claims],
            "hashes": [one.body_hash for one in claims],
            "complaints": [one.complaint_id for one in claims],
            "replies": [one.reply for one in claims],
            "times": [one.created_at for one in claims],
        },
    )
    return {key for (key,) in rows}


async def get_replies(session: AsyncSession, keys: Collection[str]) -> dict[str, StoredReply]:
    """What was answered to `keys`."""
    rows = await session.execute(_REPLIES, {"keys": list(keys)})
    return {key: StoredReply(body_hash, reply) for key, body_hash, reply in rows}


async def add_complaints(session: AsyncSession, complaints: Sequence[Complaint]) -> set[UUID]:
    """Add complaints with content and audit entry; return the ids that were not here yet.

    Repeatable: an attempt whose commit was in doubt is found by its ids.
    """
    rows = await session.execute(_ADD, _columns(complaints, action="registered"))
    return {complaint_id for (complaint_id,) in rows}


async def add_imported_complaints(session: AsyncSession, complaints: Sequence[Complaint]) -> set[UUID]:
    """Do the same for imported ones: what has the same source and external id is here already.

    A complaint that another transaction is just importing is waited for; so they must come sorted.
    """
    rows = await session.execute(_ADD_IMPORTED, _columns(complaints, action="imported"))
    return {complaint_id for (complaint_id,) in rows}


async def add_outbox_rows(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write outbox rows (of `shared.outbox.row_of`), in this order, in one statement."""
    await session.execute(
        _OUTBOX,
        {
            "event_ids": [row["event_id"] for row in rows],
            "topics": [row["topic"] for row in rows],
            "keys": [row["key"] for row in rows],
            "seqs": [row["seq"] for row in rows],
            "types": [row["type"] for row in rows],
            "headers": [msgspec.json.encode(row["headers"]).decode() for row in rows],
            "bodies": [row["body"] for row in rows],
        },
    )


def _columns(complaints: Sequence[Complaint], *, action: str) -> dict[str, Any]:
    reports = [one.report for one in complaints]
    return {
        "ids": [one.id for one in complaints],
        "numbers": [one.number for one in complaints],
        "channels": [one.channel for one in complaints],
        "categories": [report.category for report in reports],
        "urgencies": [report.urgency for report in reports],
        "origins": [one.origin for one in complaints],
        "sources": [one.source for one in complaints],
        "external_ids": [one.external_id for one in complaints],
        "registered": [one.registered_at for one in complaints],
        "tokens": [one.token for one in complaints],
        "tails": [phone_tail(report.phone) for report in reports],
        "subjects": [report.subject for report in reports],
        "texts": [report.text for report in reports],
        "locations": [report.location for report in reports],
        "names": [report.name for report in reports],
        "phones": [report.phone for report in reports],
        "actors": [one.actor for one in complaints],
        "action": action,
    }


_SERIALS = sa.text(
    "SELECT nextval('complaint_serials') FROM generate_series(1, CAST(:count AS integer)) ORDER BY 1"
)

_CLAIMS = sa.text("""
    INSERT INTO idempotency_keys (key, body_hash, complaint_id, reply, created_at)
    SELECT key, body_hash, complaint_id, reply, created_at
    FROM unnest(
        CAST(:keys AS text[]), CAST(:hashes AS bytea[]), CAST(:complaints AS uuid[]),
        CAST(:replies AS text[]), CAST(:times AS timestamptz[])
    ) WITH ORDINALITY AS given (key, body_hash, complaint_id, reply, created_at, place)
    ORDER BY place
    ON CONFLICT (key) DO NOTHING
    RETURNING key
""")

_REPLIES = sa.text(
    "SELECT key, body_hash, reply FROM idempotency_keys WHERE key = ANY(CAST(:keys AS text[]))"
)

_ADD_TEMPLATE = """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:numbers AS text[]), CAST(:channels AS text[]),
            CAST(:categories AS text[]), CAST(:urgencies AS text[]), CAST(:origins AS text[]),
            CAST(:sources AS text[]), CAST(:external_ids AS text[]), CAST(:registered AS timestamptz[]),
            CAST(:tokens AS text[]), CAST(:tails AS text[]), CAST(:subjects AS text[]),
            CAST(:texts AS text[]), CAST(:locations AS text[]), CAST(:names AS text[]),
            CAST(:phones AS text[]), CAST(:actors AS text[])
        ) WITH ORDINALITY AS columns (
            id, number, channel, category, urgency, origin, source, external_id, registered_at,
            tracking_token, phone_tail, subject, text, location, name, phone, actor, place
        )
    ), added AS (
        INSERT INTO complaints (
            id, number, channel, category, urgency, state, origin, source, external_id, registered_at,
            event_seq, content_version, tracking_token, phone_tail
        )
        SELECT
            id, number, channel, category, urgency, 'registered', origin, source, external_id, registered_at,
            1, 1, tracking_token, phone_tail
        FROM given ORDER BY place
        ON CONFLICT {conflict} DO NOTHING
        RETURNING id
    ), told AS (
        INSERT INTO contents (complaint_id, subject, text, location, name, phone)
        SELECT id, subject, text, location, name, phone FROM given JOIN added USING (id)
    ), noted AS (
        INSERT INTO audit_entries (complaint_id, at, actor, action, detail)
        SELECT id, now(), actor, :action, jsonb_build_object('number', number, 'channel', channel)
        FROM given JOIN added USING (id)
    )
    SELECT id FROM added
"""
_ADD = sa.text(_ADD_TEMPLATE.format(conflict="(id)"))
_ADD_IMPORTED = sa.text(_ADD_TEMPLATE.format(conflict="(source, external_id) WHERE external_id IS NOT NULL"))

_OUTBOX = sa.text("""
    INSERT INTO outbox (event_id, topic, key, seq, type, headers, body)
    SELECT event_id, topic, key, seq, type, CAST(headers AS jsonb), body
    FROM unnest(
        CAST(:event_ids AS uuid[]), CAST(:topics AS text[]), CAST(:keys AS text[]), CAST(:seqs AS bigint[]),
        CAST(:types AS text[]), CAST(:headers AS text[]), CAST(:bodies AS bytea[])
    ) WITH ORDINALITY AS given (event_id, topic, key, seq, type, headers, body, place)
    ORDER BY place
""")
