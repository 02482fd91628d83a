"""Damages to a sound installation, each with the invariants that it breaks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from deploy.auditor.rows import Complaint, Entry, Pool, ScoredCase
from tests.support.audit_world import ANSWERED, LATE, NOW, OLD, OPEN, World, freeze_and_cap, identity

__all__ = ["DAMAGES", "is_registration", "reverse"]


def lose_complaint(world: World) -> None:
    del world.complaints[0]


def number_twice(world: World) -> None:
    world.complaints[0] = world.complaints[0]._replace(number=world.complaints[1].number)


def import_twice(world: World) -> None:
    key = world.register("again", origin="history")
    world.complaints[-1] = Complaint(key, "HY-2611-000009", "import", "history", "old", "late")


def key_of_another(world: World) -> None:
    world.keys[0] = world.keys[0]._replace(reply_number="HY-2611-999999")


def no_registered_row(world: World) -> None:
    world.outbox = {key: row for key, row in world.outbox.items() if not is_registration(row.type, row.key)}


def is_registration(kind: str, key: str) -> bool:
    return kind == "complaint.registered.v1" and key == OPEN


def registered_twice(world: World) -> None:
    world.publish("complaint.events", OPEN, "complaint.registered.v1")


def other_bytes(world: World) -> None:
    place = next(n for n, one in enumerate(world.records) if is_registration(one.type, one.key or ""))
    world.records[place] = world.records[place]._replace(digest=b"other")


def never_in_the_log(world: World) -> None:
    world.records = [one for one in world.records if not is_registration(one.type, one.key or "")]


def never_published(world: World) -> None:
    event = next(key for key, row in world.outbox.items() if row.type == "answer.content.v1")
    world.outbox[event] = world.outbox[event]._replace(published=False, settled=False)


def phantom(world: World) -> None:
    world.append("assignment.events", OPEN, identity("phantom"), "assignment.accepted.v1", 2)
    for service in ("intake", "assessment", "notify"):
        world.inbox[service, "assignment.events", OPEN] = 2


def no_event_id(world: World) -> None:
    world.append("assignment.events", OPEN, None, "nonsense", None)


def out_of_order(world: World) -> None:
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


def in_two_partitions(world: World) -> None:
    place = next(n for n, one in enumerate(world.records) if one.type == "assignment.answered.v1")
    world.records[place] = world.records[place]._replace(partition=7)
    for group in ("intake", "assessment", "notify"):
        world.committed[group, "assignment.events", 7] = 99
    world.ends["assignment.events", 7] = 99


def inbox_behind(world: World) -> None:
    world.inbox["notify", "assignment.events", OPEN] = 0


def inbox_ahead(world: World) -> None:
    world.inbox["intake", "assignment.events", OPEN] = 40


def case_lost(world: World) -> None:
    world.cases = [one for one in world.cases if one.complaint_id != OPEN]
    world.deadlines = [one for one in world.deadlines if one.complaint_id != OPEN]


def scored_case_lost(world: World) -> None:
    world.scored = [one for one in world.scored if one.complaint_id != OPEN]


def scored_case_invented(world: World) -> None:
    world.scored.append(ScoredCase(identity("nobody"), None, taken=False))


def fallback_invented(world: World) -> None:
    world.scored[0] = world.scored[0]._replace(fallback_unit="office")


def answer_not_shown(world: World) -> None:
    world.shown = [one for one in world.shown if one.complaint_id != ANSWERED]


def answer_not_told(world: World) -> None:
    world.answers.append(world.answers[0]._replace(answer_id=identity("untold"), version=0))


def miss_lost(world: World) -> None:
    world.misses.clear()
    world.entries.clear()


def miss_told_twice(world: World) -> None:
    fields = {"unit": "repair", "deadline_id": identity(f"{LATE}/answer"), "kind": "answer"}
    world.publish("assignment.events", LATE, "assignment.deadline_missed.v1", **fields)


def late_but_silent(world: World) -> None:
    world.deadline(ANSWERED, fired=False, met=True, late=True, overdue=OLD)


def entry_untold(world: World) -> None:
    world.entries.append(world.entries[0]._replace(entry_id=identity("untold"), clause="C-RECORDS"))


def charged_twice(world: World) -> None:
    first = world.entries[0]
    world.book(LATE, first.clause, first.occurrence, first.amount_fen, first.evidence)


def amount_changed(world: World) -> None:
    world.entries[0] = world.entries[0]._replace(amount_fen=-9_999)


def unit_changed(world: World) -> None:
    world.entries[0] = world.entries[0]._replace(unit="office")


def entry_removed(world: World) -> None:
    del world.entries[1]


def reversal_of_nothing(world: World) -> None:
    first = world.entries[0]
    world.book(
        LATE, first.clause, first.occurrence, -first.amount_fen, first.evidence, reverses=identity("none")
    )


def reversed_twice(world: World) -> None:
    first = world.entries[0]
    for _ in range(2):
        reverse(world, first)


def reverse(world: World, entry: Entry) -> None:
    world.book(
        LATE,
        entry.clause,
        entry.occurrence,
        -entry.amount_fen,
        entry.evidence,
        at=NOW - timedelta(days=90),
        reverses=entry.entry_id,
    )


def posted_into_a_frozen_month(world: World) -> None:
    freeze_and_cap(world)
    world.entries[0] = world.entries[0]._replace(posted_at=world.frozen["2026-08"] + timedelta(seconds=1))


def open_month_skipped(world: World) -> None:
    freeze_and_cap(world)
    _rebook(world, month="2026-10")


def carried_from_an_open_month(world: World) -> None:
    freeze_and_cap(world)
    world.frozen.clear()


def frozen_month_unnamed(world: World) -> None:
    freeze_and_cap(world)
    _rebook(world, frozen_month=None)


def _rebook(world: World, **changes: Any) -> None:
    world.entries = [one._replace(**changes) if one.frozen_month else one for one in world.entries]


def reversed_before_it_was_booked(world: World) -> None:
    freeze_and_cap(world)
    at, wrong = NOW - timedelta(days=90), next(one for one in world.entries if one.amount_fen == -20_000)
    reverse(world, wrong)
    evidence = wrong.evidence
    world.book(LATE, wrong.clause, wrong.occurrence, -20_000, evidence, at=at, carried_to="2026-09")
    credit = _credit(world)
    world.entries[credit] = world.entries[credit]._replace(amount_fen=22_000)


def credit_missing(world: World) -> None:
    freeze_and_cap(world)
    credit = _credit(world)
    _untell(world)
    del world.entries[credit]


def credit_lost(world: World) -> None:
    freeze_and_cap(world)
    del world.entries[_credit(world)]


def credit_changed(world: World) -> None:
    freeze_and_cap(world)
    credit = _credit(world)
    world.entries[credit] = world.entries[credit]._replace(amount_fen=1_999)


def credit_of_another_month(world: World) -> None:
    freeze_and_cap(world)
    credit = _credit(world)
    world.entries[credit] = world.entries[credit]._replace(month="2026-10", frozen_month="2026-09")
    world.frozen["2026-09"] = NOW + timedelta(days=1)
    _untell(world)
    _tell(world, "repair:2026-10")


def credit_without_pool(world: World) -> None:
    freeze_and_cap(world)
    world.pools = [one for one in world.pools if one.unit != "repair"]


def pool_unheeded(world: World) -> None:
    freeze_and_cap(world)
    world.pools.append(Pool("repair", "2026-09", NOW, 50_000))


def month_charged(world: World) -> None:
    freeze_and_cap(world)
    world.give_back("repair", "2026-07", -10_000, world.entries[0].evidence)


def month_entry_untold(world: World) -> None:
    freeze_and_cap(world)
    _untell(world)


def month_entry_told_of_another(world: World) -> None:
    freeze_and_cap(world)
    _untell(world)
    _tell(world, "office:2026-09")


def _credit(world: World) -> int:
    return next(place for place, one in enumerate(world.entries) if one.case_id is None)


def _tell(world: World, place: str) -> None:
    kind, entry_id = "assessment.month_entry_posted.v1", world.entries[_credit(world)].entry_id
    world.publish("assessment.events", place, kind, entry_id=entry_id)


def _untell(world: World) -> None:
    told = next(one for one in world.outbox.values() if one.type == "assessment.month_entry_posted.v1")
    del world.outbox[told.event_id]
    world.records = [one for one in world.records if one.event_id != told.event_id]


def evidence_unknown(world: World) -> None:
    world.entries[0] = world.entries[0]._replace(evidence=(identity("nowhere"),))


def evidence_lost(world: World) -> None:
    world.evidence.clear()


def unknown_unit(world: World) -> None:
    world.cases[0] = world.cases[0]._replace(unit="nobody")


def answer_without_text(world: World) -> None:
    world.answers[0] = world.answers[0]._replace(blank=True)


def nobody_timed(world: World) -> None:
    world.deadlines = [one for one in world.deadlines if one.complaint_id != OPEN]


def deadline_unnoticed(world: World) -> None:
    world.deadline(OPEN, fired=False, met=False, overdue=3600)


def committed_past_the_end(world: World) -> None:
    world.committed["intake", "assignment.events", 0] = 10_000


def skipped_record(world: World) -> None:
    record = world.append("complaint.events", OPEN, identity("skipped"), "complaint.registered.v1", 2)
    first = next(row for row in world.outbox.values() if is_registration(row.type, row.key))
    world.outbox[identity("skipped")] = first._replace(event_id=identity("skipped"), seq=2, digest=b"")
    assert record.seq == 2


DAMAGES: list[tuple[Callable[[World], None], set[str]]] = [
    (number_twice, {"I1"}),
    (import_twice, {"I1"}),
    (key_of_another, {"I1"}),
    (lose_complaint, {"I1", "I2"}),
    (no_registered_row, {"I2", "I3", "I5"}),
    (registered_twice, {"I2", "I5"}),
    (other_bytes, {"I2", "I3"}),
    (never_in_the_log, {"I2", "I3"}),
    (never_published, {"I3"}),
    (phantom, {"I3"}),
    (no_event_id, {"I3", "I11"}),
    (out_of_order, {"I3"}),
    (in_two_partitions, {"I3"}),
    (inbox_behind, {"I5", "I11"}),
    (inbox_ahead, {"I5"}),
    (case_lost, {"I5", "I8"}),
    (scored_case_lost, {"I5"}),
    (scored_case_invented, {"I5"}),
    (fallback_invented, {"I5"}),
    (answer_not_shown, {"I5"}),
    (answer_not_told, {"I5"}),
    (miss_lost, {"I5"}),
    (miss_told_twice, {"I5"}),
    (late_but_silent, {"I5"}),
    (entry_untold, {"I5", "I6"}),
    (charged_twice, {"I6"}),
    (amount_changed, {"I6"}),
    (unit_changed, {"I6"}),
    (entry_removed, {"I5", "I6"}),
    (reversal_of_nothing, {"I6"}),
    (reversed_twice, {"I6"}),
    (posted_into_a_frozen_month, {"I6"}),
    (open_month_skipped, {"I6"}),
    (carried_from_an_open_month, {"I6"}),
    (frozen_month_unnamed, {"I6"}),
    (reversed_before_it_was_booked, {"I6"}),
    (credit_missing, {"I6"}),
    (credit_lost, {"I5", "I6"}),
    (credit_changed, {"I6"}),
    (credit_of_another_month, {"I6"}),
    (credit_without_pool, {"I6"}),
    (pool_unheeded, {"I6"}),
    (month_charged, {"I6"}),
    (month_entry_untold, {"I5"}),
    (month_entry_told_of_another, {"I5"}),
    (evidence_unknown, {"I6"}),
    (evidence_lost, {"I6"}),
    (unknown_unit, {"I8"}),
    (answer_without_text, {"I8"}),
    (nobody_timed, {"I8"}),
    (deadline_unnoticed, {"I8"}),
    (committed_past_the_end, {"I11"}),
    (skipped_record, {"I2", "I5", "I11"}),
]
