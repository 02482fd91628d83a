"""The auditor's teeth: a sound installation passes, and each damage is found by the invariant it breaks."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from deploy.auditor.conservation import Reply
from deploy.auditor.facts import DeadLetter
from deploy.auditor.rows import Complaint, Entry, OverdueWorkday, ScoredCase
from deploy.auditor.run import judge
from tests.support.audit_world import NOW, OLD, World, found, identity, sound_world

OPEN, ANSWERED, LATE = identity("open"), identity("answered"), identity("late")


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


def _lose_complaint(world: World) -> None:
    del world.complaints[0]


def _number_twice(world: World) -> None:
    world.complaints[0] = world.complaints[0]._replace(number=world.complaints[1].number)


def _import_twice(world: World) -> None:
    key = world.register("again", origin="history")
    world.complaints[-1] = Complaint(key, "HY-2611-000009", "import", "history", "old", "late")


def _key_of_another(world: World) -> None:
    world.keys[0] = world.keys[0]._replace(reply_number="HY-2611-999999")


def _no_registered_row(world: World) -> None:
    world.outbox = {key: row for key, row in world.outbox.items() if not _is_registration(row.type, row.key)}


def _is_registration(kind: str, key: str) -> bool:
    return kind == "complaint.registered.v1" and key == OPEN


def _registered_twice(world: World) -> None:
    world.publish("complaint.events", OPEN, "complaint.registered.v1")


def _other_bytes(world: World) -> None:
    place = next(n for n, one in enumerate(world.records) if _is_registration(one.type, one.key or ""))
    world.records[place] = world.records[place]._replace(digest=b"other")


def _never_in_the_log(world: World) -> None:
    world.records = [one for one in world.records if not _is_registration(one.type, one.key or "")]


def _never_published(world: World) -> None:
    event = next(key for key, row in world.outbox.items() if row.type == "answer.content.v1")
    world.outbox[event] = world.outbox[event]._replace(published=False, settled=False)


def _phantom(world: World) -> None:
    world.append("assignment.events", OPEN, identity("phantom"), "assignment.accepted.v1", 2)
    for service in ("intake", "assessment", "notify"):
        world.inbox[service, "assignment.events", OPEN] = 2


def _no_event_id(world: World) -> None:
    world.append("assignment.events", OPEN, None, "nonsense", None)


def _out_of_order(world: World) -> None:
    first, second = (
        place
        for place, one in enumerate(world.records)
        if one.topic == "assignment.events" and one.key == ANSWERED
    )
    records = world.records
    records[first], records[second] = (
        records[second]._replace(offset=records[first].offset),
        records[first]._replace(offset=records[second].offset),
    )


def _in_two_partitions(world: World) -> None:
    place = next(n for n, one in enumerate(world.records) if one.type == "assignment.answered.v1")
    world.records[place] = world.records[place]._replace(partition=7)
    for group in ("intake", "assessment", "notify"):
        world.committed[group, "assignment.events", 7] = 99
    world.ends["assignment.events", 7] = 99


def _inbox_behind(world: World) -> None:
    world.inbox["notify", "assignment.events", OPEN] = 0


def _inbox_ahead(world: World) -> None:
    world.inbox["intake", "assignment.events", OPEN] = 40


def _case_lost(world: World) -> None:
    world.cases = [one for one in world.cases if one.complaint_id != OPEN]
    world.deadlines = [one for one in world.deadlines if one.complaint_id != OPEN]


def _scored_case_lost(world: World) -> None:
    world.scored = [one for one in world.scored if one.complaint_id != OPEN]


def _scored_case_invented(world: World) -> None:
    world.scored.append(ScoredCase(identity("nobody"), None, taken=False))


def _fallback_invented(world: World) -> None:
    world.scored[0] = world.scored[0]._replace(fallback_unit="office")


def _answer_not_shown(world: World) -> None:
    world.shown = [one for one in world.shown if one.complaint_id != ANSWERED]


def _answer_not_told(world: World) -> None:
    world.answers.append(world.answers[0]._replace(answer_id=identity("untold"), version=0))


def _miss_lost(world: World) -> None:
    world.misses.clear()
    world.entries.clear()


def _miss_told_twice(world: World) -> None:
    fields = {"unit": "repair", "deadline_id": identity(f"{LATE}/answer"), "kind": "answer"}
    world.publish("assignment.events", LATE, "assignment.deadline_missed.v1", **fields)


def _late_but_silent(world: World) -> None:
    world.deadline(ANSWERED, fired=False, met=True, late=True, overdue=OLD)


def _entry_untold(world: World) -> None:
    world.entries.append(world.entries[0]._replace(entry_id=identity("untold"), clause="C-RECORDS"))


def _charged_twice(world: World) -> None:
    first = world.entries[0]
    world.book(LATE, first.clause, first.occurrence, first.amount_fen, first.evidence)


def _amount_changed(world: World) -> None:
    world.entries[0] = world.entries[0]._replace(amount_fen=-9_999)


def _unit_changed(world: World) -> None:
    world.entries[0] = world.entries[0]._replace(unit="office")


def _entry_removed(world: World) -> None:
    del world.entries[1]


def _reversal_of_nothing(world: World) -> None:
    first = world.entries[0]
    world.book(
        LATE, first.clause, first.occurrence, -first.amount_fen, first.evidence, reverses=identity("none")
    )


def _reversed_twice(world: World) -> None:
    first = world.entries[0]
    for _ in range(2):
        _reverse(world, first)


def _reverse(world: World, entry: Entry) -> None:
    world.book(
        LATE,
        entry.clause,
        entry.occurrence,
        -entry.amount_fen,
        entry.evidence,
        at=NOW - timedelta(days=90),
        reverses=entry.entry_id,
    )


def _evidence_unknown(world: World) -> None:
    world.entries[0] = world.entries[0]._replace(evidence=(identity("nowhere"),))


def _evidence_lost(world: World) -> None:
    world.evidence.clear()


def _unknown_unit(world: World) -> None:
    world.cases[0] = world.cases[0]._replace(unit="nobody")


def _answer_without_text(world: World) -> None:
    world.answers[0] = world.answers[0]._replace(blank=True)


def _nobody_timed(world: World) -> None:
    world.deadlines = [one for one in world.deadlines if one.complaint_id != OPEN]


def _deadline_unnoticed(world: World) -> None:
    world.deadline(OPEN, fired=False, met=False, overdue=3600)


def _committed_past_the_end(world: World) -> None:
    world.committed["intake", "assignment.events", 0] = 10_000


def _skipped_record(world: World) -> None:
    record = world.append("complaint.events", OPEN, identity("skipped"), "complaint.registered.v1", 2)
    first = next(row for row in world.outbox.values() if _is_registration(row.type, row.key))
    world.outbox[identity("skipped")] = first._replace(event_id=identity("skipped"), seq=2, digest=b"")
    assert record.seq == 2


@pytest.mark.parametrize(
    ("damage", "invariants"),
    [
        (_number_twice, {"I1"}),
        (_import_twice, {"I1"}),
        (_key_of_another, {"I1"}),
        (_lose_complaint, {"I1", "I2"}),
        (_no_registered_row, {"I2", "I3", "I5"}),
        (_registered_twice, {"I2", "I5"}),
        (_other_bytes, {"I2", "I3"}),
        (_never_in_the_log, {"I2", "I3"}),
        (_never_published, {"I3"}),
        (_phantom, {"I3"}),
        (_no_event_id, {"I3", "I11"}),
        (_out_of_order, {"I3"}),
        (_in_two_partitions, {"I3"}),
        (_inbox_behind, {"I5", "I11"}),
        (_inbox_ahead, {"I5"}),
        (_case_lost, {"I5", "I8"}),
        (_scored_case_lost, {"I5"}),
        (_scored_case_invented, {"I5"}),
        (_fallback_invented, {"I5"}),
        (_answer_not_shown, {"I5"}),
        (_answer_not_told, {"I5"}),
        (_miss_lost, {"I5"}),
        (_miss_told_twice, {"I5"}),
        (_late_but_silent, {"I5"}),
        (_entry_untold, {"I5", "I6"}),
        (_charged_twice, {"I6"}),
        (_amount_changed, {"I6"}),
        (_unit_changed, {"I6"}),
        (_entry_removed, {"I5", "I6"}),
        (_reversal_of_nothing, {"I6"}),
        (_reversed_twice, {"I6"}),
        (_evidence_unknown, {"I6"}),
        (_evidence_lost, {"I6"}),
        (_unknown_unit, {"I8"}),
        (_answer_without_text, {"I8"}),
        (_nobody_timed, {"I8"}),
        (_deadline_unnoticed, {"I8"}),
        (_committed_past_the_end, {"I11"}),
        (_skipped_record, {"I2", "I5", "I11"}),
    ],
)
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
    _reverse(world, first)
    at = NOW - timedelta(days=90)
    world.book(LATE, first.clause, first.occurrence, first.amount_fen, first.evidence, at=at)

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
    record = next(one for one in world.records if _is_registration(one.type, one.key or ""))
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
    old = next(one for one in world.records if _is_registration(one.type, one.key or ""))
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
