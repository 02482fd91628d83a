"""The auditor on a real installation: it passes a sound one, and finds each damage to a copy of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from deploy.auditor.run import audit
from deploy.auditor.verdict import Report
from tests.support.audited import TOTAL, UNANSWERED, Audited, Raw, build
from tests.support.infrastructure import PostgresServer

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def sound(kafka: str, postgres: PostgresServer) -> Audited:
    return asyncio.run(build(kafka, postgres))


def broken(report: Report) -> set[str]:
    return {one.id for one in report.findings if one.violations}


async def test_a_sound_installation_passes(sound: Audited) -> None:
    report = await audit(sound.installation, strict=True)

    problems = [violation for one in report.findings for violation in one.violations]
    assert problems == []
    assert report.ok
    assert report.in_flight == {"unpublished": 0, "lag": 0, "waiting": 0}
    checked = {one.id: one.checked for one in report.findings}
    assert checked["I1"] == checked["I2"] == checked["I8"] == TOTAL
    apart = {name: len(ids) for one in report.findings for name, ids in one.apart.items()}
    assert apart == {"history_without_answer": UNANSWERED}


def test_a_busy_installation_passes_at_every_moment(sound: Audited) -> None:
    problems = [each for report in sound.busy for one in report.findings for each in one.violations]

    assert problems == []
    assert any(one.in_flight for report in sound.busy for one in report.findings)


async def test_a_copied_log_passes(sound: Audited) -> None:
    report = await audit(await sound.with_log(lambda records: records))

    assert [violation for one in report.findings for violation in one.violations] == []


NAMES = {
    "$ONE": "(SELECT id FROM complaints WHERE origin = 'live' ORDER BY number LIMIT 1)",
    "$CASE": "(SELECT complaint_id FROM cases WHERE origin = 'live' ORDER BY number LIMIT 1)",
    "$OPEN": "(SELECT complaint_id FROM cases WHERE state = 'assigned' AND origin = 'live' LIMIT 1)",
    "$ENTRY": "(SELECT entry_id FROM ledger WHERE reverses IS NULL ORDER BY entry_id DESC LIMIT 1)",
    "$LONG_AGO": "now() - interval '1 hour'",
}
ANNOUNCED_AGAIN = """
    INSERT INTO outbox (event_id, topic, key, seq, type, headers, body)
    SELECT gen_random_uuid(), topic, key, 2, type, headers, body FROM outbox
    WHERE type = 'complaint.registered.v1' LIMIT 1
"""
WAITS_FOR_NOTHING = """
    INSERT INTO pending_events (topic, key, seq, kafka_partition, kafka_offset, headers, received_at)
    SELECT topic, key, 1, 0, 0, '{}', $LONG_AGO FROM inbox WHERE topic = 'complaint.events'
"""
OLD = "UPDATE outbox SET created_at = $LONG_AGO WHERE id = 1"
UNPUBLISHED = "INSERT INTO outbox_unpublished VALUES (1)"
UNNOTICED = "UPDATE deadlines SET due_at = $LONG_AGO WHERE complaint_id = $OPEN AND kind = 'answer'"
NOT_TAKEN = "UPDATE inbox SET last_seq = 0 WHERE topic = 'complaint.events'"
OTHER_KEY = "UPDATE idempotency_keys SET complaint_id = gen_random_uuid() WHERE key = 'key-1'"
UNANNOUNCED = "DELETE FROM outbox WHERE key = $ONE::text AND topic = 'complaint.events'"


@pytest.mark.parametrize(
    ("service", "statements", "invariants"),
    [
        ("intake", ["DELETE FROM complaints WHERE id = $ONE"], {"I1", "I2"}),
        ("intake", ["DELETE FROM idempotency_keys", "DELETE FROM complaints"], {"I2"}),
        ("intake", [OTHER_KEY], {"I1"}),
        ("intake", ["UPDATE idempotency_keys SET reply = '{}' WHERE key = 'key-1'"], {"I1"}),
        ("intake", [UNANNOUNCED], {"I2", "I3", "I5"}),
        ("intake", [ANNOUNCED_AGAIN], {"I2", "I3"}),
        ("intake", ["UPDATE outbox SET body = '{}' WHERE id = 1"], {"I3"}),
        ("intake", [OLD, UNPUBLISHED], {"I3"}),
        ("intake", ["UPDATE inbox SET last_seq = 0 WHERE topic = 'assignment.events'"], {"I5", "I11"}),
        ("intake", ["UPDATE inbox SET last_seq = 99 WHERE topic = 'answer.content'"], {"I5"}),
        ("intake", ["DELETE FROM answers"], {"I5"}),
        ("dispatch", ["DELETE FROM cases WHERE complaint_id = $CASE"], {"I5", "I8"}),
        ("dispatch", ["UPDATE cases SET unit = 'nobody' WHERE complaint_id = $CASE"], {"I8"}),
        ("dispatch", ["UPDATE answers SET text = ' '"], {"I8"}),
        ("dispatch", ["DELETE FROM answers"], {"I5", "I8"}),
        ("dispatch", ["DELETE FROM deadlines WHERE complaint_id = $OPEN"], {"I8"}),
        ("dispatch", [UNNOTICED], {"I8"}),
        ("dispatch", ["UPDATE deadlines SET fired_at = NULL WHERE fired_at IS NOT NULL"], {"I5"}),
        ("dispatch", ["UPDATE deadlines SET fired_at = now() WHERE fired_at IS NULL"], {"I5"}),
        ("dispatch", [NOT_TAKEN], {"I5", "I11"}),
        ("dispatch", [NOT_TAKEN, WAITS_FOR_NOTHING], {"I5"}),
        ("assessment", ["DELETE FROM cases"], {"I5"}),
        ("assessment", ["DELETE FROM misses"], {"I5", "I6"}),
        ("assessment", ["UPDATE ledger SET amount_fen = -1 WHERE entry_id = $ENTRY"], {"I6"}),
        ("assessment", ["UPDATE ledger SET month = '2019-01' WHERE entry_id = $ENTRY"], {"I6"}),
        ("assessment", ["DELETE FROM ledger WHERE entry_id = $ENTRY"], {"I5", "I6"}),
        ("assessment", ["DELETE FROM evidence_events"], {"I6"}),
        ("notify", ["DELETE FROM complaints"], {"I5"}),
        ("notify", ["DELETE FROM inbox WHERE topic = 'complaint.events'"], {"I5", "I11"}),
    ],
)
async def test_each_damage_to_a_database_is_found(
    sound: Audited, service: str, statements: list[str], invariants: set[str]
) -> None:
    for name, meaning in NAMES.items():
        statements = [one.replace(name, meaning) for one in statements]

    assert broken(await audit(await sound.with_changed(service, *statements))) == invariants


def _event_of(records: list[Raw], kind: str) -> int:
    return next(place for place, one in enumerate(records) if ("ce_type", kind.encode()) in one.headers)


def _phantom(records: list[Raw]) -> list[Raw]:
    one = records[_event_of(records, "assignment.answered.v1")]
    headers = [(name, str(uuid4()).encode() if name == "ce_id" else value) for name, value in one.headers]
    return [*records, replace(one, headers=headers)]


def _redelivered(records: list[Raw]) -> list[Raw]:
    return [*records, *records[:10]]


def _out_of_order(records: list[Raw]) -> list[Raw]:
    later = records[_event_of(records, "assignment.answered.v1")]
    place = next(n for n, one in enumerate(records) if (one.topic, one.key) == (later.topic, later.key))
    rest = [one for one in records if one is not later]
    return [*rest[:place], later, *rest[place:]]


def _lost(records: list[Raw]) -> list[Raw]:
    place = _event_of(records, "complaint.registered.v1")
    return [*records[:place], *records[place + 1 :]]


def _altered(records: list[Raw]) -> list[Raw]:
    place = _event_of(records, "complaint.registered.v1")
    return [*records[:place], replace(records[place], value=b"{}"), *records[place + 1 :]]


def _other_key(records: list[Raw]) -> list[Raw]:
    place = _event_of(records, "assessment.entry_posted.v1")
    return [*records[:place], replace(records[place], key=b"somebody"), *records[place + 1 :]]


def _garbage(records: list[Raw]) -> list[Raw]:
    return [*records, replace(records[0], topic="assignment.events", key=None, value=b"\xff", headers=[])]


@pytest.mark.parametrize(
    ("change", "invariants"),
    [
        (_phantom, {"I3"}),
        (_redelivered, set()),
        (_out_of_order, {"I3"}),
        (_lost, {"I2", "I3", "I11"}),
        (_altered, {"I2", "I3"}),
        (_other_key, {"I3"}),
        (_garbage, {"I3"}),
    ],
)
async def test_each_damage_to_the_log_is_found(
    sound: Audited, change: Callable[[list[Raw]], list[Raw]], invariants: set[str]
) -> None:
    assert broken(await audit(await sound.with_log(change))) == invariants


async def test_offsets_committed_beyond_the_log_are_found(sound: Audited) -> None:
    report = await audit(await sound.with_log(lambda records: records, ahead=1))

    assert broken(report) == {"I11"}
