"""Damages to a sound installation, each with the invariants that it breaks."""

from collections.abc import Callable
from datetime import timedelta

from deploy.auditor.rows import Complaint, Entry, ScoredCase
from tests.support.audit_world import ANSWERED, LATE, NOW, OLD, OPEN, World, identity

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
    (evidence_unknown, {"I6"}),
    (evidence_lost, {"I6"}),
    (unknown_unit, {"I8"}),
    (answer_without_text, {"I8"}),
    (nobody_timed, {"I8"}),
    (deadline_unnoticed, {"I8"}),
    (committed_past_the_end, {"I11"}),
    (skipped_record, {"I2", "I5", "I11"}),
]
