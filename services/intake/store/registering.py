"""Statements that register complaints, set-wise: a batch costs as many round trips as one complaint.

Rows travel as in `shared.rows`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.complaints import Complaint
from services.intake.domain.reports import phone_tail
from shared.database import Fetcher
from shared.outbox import WRITTEN
from shared.rows import insertion, packed

__all__ = [
    "Claim",
    "Claims",
    "StoredReply",
    "add_complaints",
    "add_imported_complaints",
    "draw_serials",
    "get_replies",
]


class Claim(NamedTuple):
    """An idempotency key and what is to be answered to it from now on. `body_hash` is hexadecimal."""

    key: str
    body_hash: str
    reply: str


Claims = Mapping[UUID, Claim]
"""What the complaints of a batch claim, by complaint, each key once; one without a key claims none."""


class StoredReply(NamedTuple):
    """What was answered to a key before."""

    body_hash: str
    reply: str


async def draw_serials(writer: Fetcher, count: int) -> list[int]:
    """Take serials; one taken in a transaction that fails is skipped for ever."""
    return [serial for (serial,) in await writer.fetch(_SERIALS, count)]


async def get_replies(writer: Fetcher, keys: Collection[str]) -> dict[str, StoredReply]:
    """What was answered to `keys`."""
    rows = await writer.fetch(_REPLIES, list(keys))
    return {key: StoredReply(body_hash, reply) for key, body_hash, reply in rows}


async def add_complaints(
    writer: Fetcher, complaints: Sequence[Complaint], events: Sequence[Mapping[str, Any]], claims: Claims
) -> set[UUID]:
    """Add complaints with content, audit entry and outbox rows; return the ids of those that were added.

    One whose key in `claims` is claimed already is not; a key that another transaction is just claiming is
    waited for, in the order of the keys. Repeatable: an attempt whose commit was in doubt is found by its
    ids. `events` are rows of `shared.outbox.row_of`, in their order; those of complaints that were not added
    are dropped.
    """
    rows = [_given(one, claims.get(one.id)) for one in complaints]
    added = await writer.fetch(_ADD, rows, packed(events, WRITTEN), "registered")
    return {complaint_id for (complaint_id,) in added}


async def add_imported_complaints(
    writer: Fetcher, complaints: Sequence[Complaint], events: Sequence[Mapping[str, Any]]
) -> set[UUID]:
    """Do the same for imported ones: what has the same source and external id is here already.

    A complaint that another transaction is just importing is waited for, in the order of their names.
    """
    rows = [_given(one) for one in complaints]
    added = await writer.fetch(_ADD_IMPORTED, rows, packed(events, WRITTEN), "imported")
    return {complaint_id for (complaint_id,) in added}


def _given(complaint: Complaint, claim: Claim | None = None) -> tuple[Any, ...]:
    """A complaint, and what it claims, as a value of the type `complaints_given_v1`."""
    report = complaint.report
    return (
        complaint.id,
        complaint.number,
        complaint.channel,
        report.category,
        report.urgency,
        complaint.origin,
        complaint.source,
        complaint.external_id,
        complaint.registered_at,
        complaint.token,
        phone_tail(report.phone),
        report.subject,
        report.text,
        report.location,
        report.name,
        report.phone,
        complaint.actor,
        *((None, None, None) if claim is None else (claim.key, claim.body_hash, claim.reply)),
    )


_SERIALS = "SELECT nextval('complaint_serials') FROM generate_series(1, $1::integer) ORDER BY 1"

_REPLIES = "SELECT key, body_hash, reply FROM idempotency_keys WHERE key = ANY($1::text[])"

_ADD_TEMPLATE = """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest($1::complaints_given_v1[])
    ), claimed AS (
        INSERT INTO idempotency_keys (key, body_hash, complaint_id, reply, created_at)
        SELECT key, body_hash, id, reply, registered_at FROM given WHERE key IS NOT NULL ORDER BY key
        ON CONFLICT (key) DO NOTHING
        RETURNING complaint_id
    ), added AS (
        INSERT INTO complaints (
            id, number, channel, category, urgency, state, origin, source, external_id, registered_at,
            event_seq, content_version, tracking_token, phone_tail
        )
        SELECT
            id, number, channel, category, urgency, 'registered', origin, source, external_id, registered_at,
            1, 1, tracking_token, phone_tail
        FROM given WHERE key IS NULL OR id IN (SELECT complaint_id FROM claimed)
        ORDER BY source, external_id, id
        ON CONFLICT {conflict} DO NOTHING
        RETURNING id
    ), told AS (
        INSERT INTO contents (complaint_id, subject, text, location, name, phone)
        SELECT id, subject, text, location, name, phone FROM given JOIN added USING (id)
    ), noted AS (
        INSERT INTO audit_entries (complaint_id, at, actor, action, detail)
        SELECT id, now(), actor, $3::text, jsonb_build_object('number', number, 'channel', channel)
        FROM given JOIN added USING (id)
    ), told_of AS (
        {events}
    )
    SELECT id FROM added
"""
_EVENTS = insertion(WRITTEN, number=2, where="CAST(given.key AS uuid) IN (SELECT id FROM added)")
_ADD = _ADD_TEMPLATE.format(events=_EVENTS, conflict="(id)")
_ADD_IMPORTED = _ADD_TEMPLATE.format(
    events=_EVENTS, conflict="(source, external_id) WHERE external_id IS NOT NULL"
)
