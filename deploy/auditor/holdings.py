"""What each service holds, read from its tables."""

import json
from typing import Any

import asyncpg

from deploy.auditor.rows import (
    Answer,
    Assessment,
    Case,
    Complaint,
    Deadline,
    Dispatch,
    Entry,
    IdempotencyKey,
    Intake,
    Miss,
    OverdueWorkday,
    Pool,
    RecordedAnswer,
    ScoredCase,
)

__all__ = ["read_assessment", "read_dispatch", "read_intake", "read_notify"]

_COMPLAINTS = "SELECT id::text, number, channel, origin, source, external_id FROM complaints"
_KEYS = """
    SELECT key, complaint_id::text, reply::jsonb ->> 'complaint_id', reply::jsonb ->> 'number'
    FROM idempotency_keys
"""
_SHOWN_ANSWERS = "SELECT complaint_id::text, answer_id::text, 0, btrim(text) = '' FROM answers"
_CASES = "SELECT complaint_id::text, number, origin, unit, answered_at IS NOT NULL FROM cases"
_DEADLINES = """
    SELECT d.deadline_id::text, d.complaint_id::text, d.kind, d.level, d.fired_at IS NOT NULL,
           d.met_at IS NOT NULL, d.recorded AND coalesce(d.met_at > d.due_at, false),
           extract(epoch FROM now() - d.due_at)::float8
    FROM deadlines d JOIN cases c USING (complaint_id)
    WHERE d.fired_at IS NOT NULL OR (d.recorded AND d.met_at > d.due_at)
       OR (d.kind = 'answer' AND c.answered_at IS NULL)
"""
_ANSWERS = "SELECT complaint_id::text, answer_id::text, version, btrim(text) = '' FROM answers"
_RECORDED = """
    SELECT source, external_id, complaint_id::text, state, extract(epoch FROM now() - received_at)::float8
    FROM imported_answers
"""
_UNITS = """
    SELECT body ->> 'code' FROM state_entries WHERE topic = 'directory.state' AND key LIKE 'unit:%'
"""
_SCORED_CASES = "SELECT complaint_id::text, fallback_unit, taken FROM cases"
_MISSES = """
    SELECT event_id::text, complaint_id::text, deadline_id::text, unit, urgency, kind, occurred_at,
           rule_book_version
    FROM misses
"""
_WORKDAYS = """
    SELECT event_id::text, complaint_id::text, deadline_id::text, unit, workday, occurred_at
    FROM overdue_workdays
"""
_ENTRIES = """
    SELECT entry_id::text, complaint_id::text, clause, occurrence, unit, month, amount_fen,
           rule_book_version, evidence::text[] AS evidence, reverses::text, frozen_month, posted_at
    FROM ledger
"""
_SHOWN_EVIDENCE = "SELECT event_id::text FROM evidence_events"
_BOOKS = """
    SELECT (body ->> 'version')::int, body -> 'body' FROM state_entries WHERE topic = 'rulebook.state'
"""
_FROZEN = "SELECT month, frozen_at FROM frozen_months"
_POOLS = "SELECT unit, from_month, entered_at, amount_fen FROM pools"
_NOTIFIED = "SELECT complaint_id::text FROM complaints"


async def read_intake(connection: "asyncpg.Connection[Any]") -> Intake:
    """Complaints, idempotency keys and the answers shown to complainants."""
    return Intake(
        complaints=[Complaint(*row) for row in await connection.fetch(_COMPLAINTS)],
        keys=[IdempotencyKey(*row) for row in await connection.fetch(_KEYS)],
        answers=[Answer(*row) for row in await connection.fetch(_SHOWN_ANSWERS)],
    )


async def read_dispatch(connection: "asyncpg.Connection[Any]") -> Dispatch:
    """Cases, the deadlines that matter, answers and the units there are."""
    return Dispatch(
        cases=[Case(*row) for row in await connection.fetch(_CASES)],
        deadlines=[Deadline(*row) for row in await connection.fetch(_DEADLINES)],
        answers=[Answer(*row) for row in await connection.fetch(_ANSWERS)],
        recorded=[RecordedAnswer(*row) for row in await connection.fetch(_RECORDED)],
        units=frozenset(row[0] for row in await connection.fetch(_UNITS)),
    )


async def read_notify(connection: "asyncpg.Connection[Any]") -> frozenset[str]:
    """The complaints notify knows by number."""
    return frozenset(row[0] for row in await connection.fetch(_NOTIFIED))


async def read_assessment(connection: "asyncpg.Connection[Any]") -> Assessment:
    """Cases, the facts that are scored, the ledger, and what it is worked out by: books, months and pools."""
    return Assessment(
        cases=[ScoredCase(*row) for row in await connection.fetch(_SCORED_CASES)],
        misses=[Miss(*row) for row in await connection.fetch(_MISSES)],
        overdue=[OverdueWorkday(*row) for row in await connection.fetch(_WORKDAYS)],
        entries=[
            Entry(*row)._replace(evidence=tuple(row["evidence"])) for row in await connection.fetch(_ENTRIES)
        ],
        shown=frozenset(row[0] for row in await connection.fetch(_SHOWN_EVIDENCE)),
        books={row[0]: json.loads(row[1]) for row in await connection.fetch(_BOOKS)},
        frozen={row[0]: row[1] for row in await connection.fetch(_FROZEN)},
        pools=[Pool(*row) for row in await connection.fetch(_POOLS)],
    )
