"""The auditor's teeth: a sound installation passes, and each damage is found by the invariant it breaks."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from deploy.auditor.conservation import Reply
from deploy.auditor.facts import DeadLetter
from deploy.auditor.rows import OverdueWorkday, ScoredCase
from deploy.auditor.run import judge
from tests.support.audit_damages import DAMAGES, is_registration, reverse
from tests.support.audit_world import (
    ANSWERED,
    LATE,
    NOW,
    OLD,
    OPEN,
    World,
    found,
    freeze_and_cap,
    identity,
    sound_world,
)


def test_a_sound_installation_passes() -> None:
    report = judge(sound_world().snapshot())

    assert [one.violations for one in report.findings] == [[]] * 7
    assert report.ok
    assert all(one.checked for one in report.findings)
    assert report.in_flight == {"unpublished": 0, "lag": 0, "waiting": 0}
    assert [one.id for one in report.findings] == ["I1", "I2", "I3", "I5", "I6", "I8", "I11"]


def test_an_empty_installation_passes_unless_strict() -> None:
    empty = World().snapshot()

    assert judge(empty).ok
    assert not judge(empty, strict=True).ok
    assert "I1" in judge(empty, strict=True).empty


@pytest.mark.parametrize(("damage", "invariants"), DAMAGES)
def test_each_damage_is_found(damage: Callable[[World], None], invariants: set[str]) -> None:
    world = sound_world()

    damage(world)

    findings = found(world)
    assert findings.keys() == invariants
    for finding in findings.values():
        assert all(one.problem for one in finding.violations)


def test_a_redelivered_record_is_no_violation() -> None:
    world = sound_world()
    copy = next(one for one in world.records if one.type == "assignment.answered.v1")
    world.append(
        copy.topic, copy.key, copy.event_id, copy.type, copy.seq, copy.digest, dict(copy.fields or {})
    )

    assert found(world) == {}


def test_a_reversed_and_corrected_entry_is_no_violation() -> None:
    world = sound_world()
    first = world.entries[0]
    reverse(world, first)
    at = NOW - timedelta(days=90)
    world.book(LATE, first.clause, first.occurrence, first.amount_fen, first.evidence, at=at)

    assert found(world) == {}


def test_a_correction_after_freezing_and_a_capped_month_are_no_violation() -> None:
    world = sound_world()
    freeze_and_cap(world)

    assert found(world) == {}


def test_a_month_entry_told_after_the_log_was_read_is_in_flight() -> None:
    world = sound_world()
    freeze_and_cap(world)
    told = next(one for one in world.outbox.values() if one.type == "assessment.month_entry_posted.v1")
    world.outbox[told.event_id] = told._replace(settled=False)
    world.records = [one for one in world.records if one.event_id != told.event_id]

    assert found(world) == {}


def test_a_case_left_alone_by_the_unit_it_fell_back_to_costs_nothing() -> None:
    world = sound_world()
    place = next(n for n, one in enumerate(world.records) if one.key == LATE and one.seq == 1 and one.fields)
    fields = {"unit": "office", "fallback": True}
    world.records[place] = world.records[place]._replace(fields=fields)
    world.scored[-1] = ScoredCase(LATE, "office", taken=False)
    world.misses[0] = world.misses[0]._replace(unit="office")
    world.entries.clear()

    assert found(world).keys() == {"I5"}  # the entries that were told are gone
    assert found(world)["I5"].violations[0].problem.startswith("台账分录事件")


def test_a_miss_told_after_the_log_was_read_is_in_flight() -> None:
    world = sound_world()
    event = world.misses[0].event_id
    world.outbox[event] = world.outbox[event]._replace(settled=False)
    world.records = [one for one in world.records if one.event_id != event]
    answered = next(one for one in world.records if one.key == LATE and one.type.endswith("answered.v1"))
    world.records.remove(answered)
    world.outbox[answered.event_id or ""] = world.outbox[answered.event_id or ""]._replace(settled=False)

    assert found(world) == {}


def test_what_is_on_its_way_is_counted_apart() -> None:
    world = sound_world()
    row = next(
        one for one in world.outbox.values() if one.type == "complaint.registered.v1" and one.key == OPEN
    )
    fresh = world.register("fresh")
    for event, one in list(world.outbox.items()):
        if one.key == fresh:
            world.outbox[event] = row._replace(**one._asdict()) if one.topic != row.topic else one
            world.outbox[event] = world.outbox[event]._replace(published=False, settled=False, age=1.0)
    world.records = [one for one in world.records if one.key != fresh]
    world.inbox = {place: last for place, last in world.inbox.items() if place[2] != fresh}
    world.cases = [one for one in world.cases if one.complaint_id != fresh]
    world.deadlines = [one for one in world.deadlines if one.complaint_id != fresh]
    world.scored = [one for one in world.scored if one.complaint_id != fresh]
    world.notified.discard(fresh)
    report = judge(world.snapshot())

    assert report.ok
    assert {one.id for one in report.findings if one.in_flight} == {"I2", "I3", "I8"}
    assert report.in_flight["unpublished"] == 3


def test_lag_is_in_flight_not_lost() -> None:
    world = sound_world()
    record = next(one for one in world.records if is_registration(one.type, one.key or ""))
    world.committed["notify", record.topic, record.partition] = record.offset
    for one in world.records:
        if one.topic == record.topic and one.partition == record.partition and one.offset >= record.offset:
            world.inbox["notify", one.topic, one.key or ""] = 0
            world.notified.discard(one.key or "")

    report = judge(world.snapshot())

    assert report.ok
    assert report.in_flight["lag"] > 0


def test_a_dead_letter_holds_its_complaint_and_is_listed() -> None:
    world = sound_world()
    record = next(
        one for one in world.records if one.topic == "assignment.events" and one.key == OPEN and one.seq == 1
    )
    world.inbox["notify", "assignment.events", OPEN] = 0
    world.dead["notify"] = {record.place: DeadLetter(identity("letter"), OPEN, 1, open=True)}

    assert found(world) == {}


def test_a_later_event_behind_a_dead_letter_is_held_apart() -> None:
    world = sound_world()
    first, second = (one for one in world.records if one.topic == "assignment.events" and one.key == ANSWERED)
    world.inbox["notify", "assignment.events", ANSWERED] = 0
    world.dead["notify"] = {first.place: DeadLetter(identity("letter"), ANSWERED, 1, open=True)}
    world.pending["notify"] = {("assignment.events", ANSWERED): {second.seq or 0: OLD}}

    report = judge(world.snapshot())

    assert report.ok
    apart = next(one.apart for one in report.findings if one.id == "I5")
    assert apart == {"held_by_dead_letter_in_notify": [ANSWERED]}


def test_garbage_that_every_reader_put_aside_is_listed_apart() -> None:
    world = sound_world()
    record = world.append("complaint.events", None, None, "garbage", None)
    for service in ("dispatch", "assessment", "notify"):
        world.dead[service] = {record.place: DeadLetter(identity(service), None, None, open=True)}

    report = judge(world.snapshot())

    assert report.ok
    apart = next(one.apart for one in report.findings if one.id == "I3")
    assert apart == {"dead_letters_of_unknown_origin": [str(record)]}


def test_garbage_where_nobody_reads_is_listed_apart_unless_it_passes_for_an_event() -> None:
    world = sound_world()
    record = world.append("assessment.events", "key", None, "garbage", None)

    report = judge(world.snapshot())

    assert report.ok
    apart = next(one.apart for one in report.findings if one.id == "I3")
    assert apart == {"garbage_nobody_reads": [str(record)]}
    world.append("assessment.events", LATE, identity("forged"), "assessment.entry_posted.v1", 9)
    assert "I3" in found(world)


def test_an_event_that_waits_for_nothing_is_a_violation_after_a_minute() -> None:
    world = sound_world()
    world.inbox["notify", "assignment.events", OPEN] = 0
    world.pending["notify"] = {("assignment.events", OPEN): {1: 30.0}}
    assert found(world) == {}

    world.pending["notify"] = {("assignment.events", OPEN): {1: 90.0}}
    assert found(world).keys() == {"I5"}


def test_history_without_a_recorded_answer_is_listed_apart() -> None:
    world = sound_world()
    key = world.register("unanswered", origin="history")

    report = judge(world.snapshot())

    assert report.ok
    assert next(one.apart for one in report.findings if one.id == "I8") == {"history_without_answer": [key]}


def test_an_open_breach_is_being_timed() -> None:
    world = sound_world()
    world.miss(OPEN)
    world.deadline(OPEN, fired=True, met=False, overdue=OLD)

    assert found(world) == {}


def test_a_pruned_row_is_no_phantom() -> None:
    world = sound_world()
    old = next(one for one in world.records if is_registration(one.type, one.key or ""))
    world.records[world.records.index(old)] = old._replace(age=40 * 86_400.0)
    del world.outbox[old.event_id or ""]

    assert found(world) == {}


def test_a_further_workday_must_be_in_the_log() -> None:
    world = sound_world()
    world.overdue.append(OverdueWorkday(identity("day"), LATE, identity(f"{LATE}/answer"), "repair", 1, NOW))

    assert found(world).keys() == {"I5"}


def test_the_clients_own_ledger_is_compared() -> None:
    world = sound_world()
    number = world.complaints[0].number
    kept = Reply("key-open", 201, OPEN, number)
    assert judge(world.snapshot(), replies=[kept, kept, Reply("key-x", None, None, None)]).ok

    for wrong in (
        Reply("key-open", 201, identity("gone"), "HY-2611-000077"),
        Reply("key-other", 201, OPEN, number),
        Reply("key-open", 503, None, None),
    ):
        report = judge(world.snapshot(), replies=[wrong])
        assert [one.id for one in report.findings if one.violations] == ["I1"]
    again = Reply("key-open", 503, None, None)
    assert judge(world.snapshot(), replies=[again, kept]).ok
