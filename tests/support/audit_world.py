"""A small installation as an auditor sees it, made by hand: sound, until a test damages it."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from deploy.auditor.charges import month_of
from deploy.auditor.facts import DeadLetter, Delivery, Log, OutboxRow, Record, Snapshot
from deploy.auditor.layout import GROUPS, SERVICES, TOPICS, groups_of
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
from deploy.auditor.run import judge
from deploy.auditor.verdict import Finding
from tests.support.shipped import raw_rule_book

__all__ = [
    "ANSWERED",
    "LATE",
    "NOW",
    "OLD",
    "OPEN",
    "RULE_BOOK",
    "World",
    "found",
    "freeze_and_cap",
    "identity",
    "sound_world",
]

RULE_BOOK = raw_rule_book()
NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
OLD = 3600.0  # seconds: well settled
PARTITIONS = 3


def identity(name: str) -> str:
    """An id that is the same in every run."""
    return str(uuid5(UUID(int=7), name))


OPEN, ANSWERED, LATE = identity("open"), identity("answered"), identity("late")
"""The complaints of a sound world."""


@dataclass
class World:
    """Everything a snapshot is made of. `inbox` and `committed` follow from the log, with overrides."""

    records: list[Record] = field(default_factory=list)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)
    inbox: dict[tuple[str, str, str], int] = field(default_factory=dict)
    committed: dict[tuple[str, str, int], int] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    pending: dict[str, dict[tuple[str, str], dict[int, float]]] = field(default_factory=dict)
    dead: dict[str, dict[tuple[str, int, int], DeadLetter]] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    keys: list[IdempotencyKey] = field(default_factory=list)
    shown: list[Answer] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    deadlines: list[Deadline] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    recorded: list[RecordedAnswer] = field(default_factory=list)
    scored: list[ScoredCase] = field(default_factory=list)
    misses: list[Miss] = field(default_factory=list)
    overdue: list[OverdueWorkday] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    evidence: set[str] = field(default_factory=set)
    frozen: dict[str, datetime] = field(default_factory=dict)
    pools: list[Pool] = field(default_factory=list)
    notified: set[str] = field(default_factory=set)

    def publish(self, topic: str, key: str, event: str, /, **fields: Any) -> str:
        """Write the next event of a key to its outbox and to the log; return its id."""
        seq = 1 + sum(row.topic == topic and row.key == key for row in self.outbox.values())
        event_id = identity(f"{topic}/{key}/{seq}")
        digest = hashlib.sha256(event_id.encode()).digest()
        service = TOPICS[topic].producer or "intake"
        self.outbox[event_id] = OutboxRow(
            service, event_id, topic, key, seq, event, digest, OLD, published=True, settled=True
        )
        self.append(topic, key, event_id, event, seq, digest, fields)
        for group in groups_of(topic):
            self.inbox[group.service, topic, key] = seq
        return event_id

    def append(
        self,
        topic: str,
        key: str | None,
        event_id: str | None,
        kind: str,
        seq: int | None,
        digest: bytes = b"",
        fields: dict[str, Any] | None = None,
    ) -> Record:
        """Put one record at the end of its partition; every group has committed it."""
        partition = sum((key or "").encode()) % PARTITIONS
        offset = self.ends.get((topic, partition), 0)
        record = Record(topic, partition, offset, OLD, key, event_id, kind, seq, key or "", digest, fields)
        self.records.append(record)
        self.ends[topic, partition] = offset + 1
        for group in groups_of(topic):
            self.committed[group.name, topic, partition] = offset + 1
        return record

    def register(self, name: str, *, origin: str = "live", unit: str = "repair") -> str:
        """Register a complaint and assign it; return its id."""
        key = identity(name)
        number = f"HY-2611-{len(self.complaints):06d}"
        external = name if origin == "history" else None
        source = "old" if external else None
        self.complaints.append(Complaint(key, number, "api", origin, source, external))
        if origin == "live":
            self.keys.append(IdempotencyKey(f"key-{name}", key, key, number))
        self.publish("complaint.content", key, "complaint.content.v1")
        self.publish("complaint.events", key, "complaint.registered.v1")
        self.publish("assignment.events", key, "assignment.assigned.v1", unit=unit, fallback=False)
        self.cases.append(Case(key, number, origin, unit, answered=False))
        if origin == "live":
            self.deadline(key, fired=False, met=False, overdue=-OLD)
        self.scored.append(ScoredCase(key, None, taken=False))
        self.notified.add(key)
        return key

    def deadline(self, key: str, *, fired: bool, met: bool, overdue: float, late: bool = False) -> Deadline:
        """Give a case the deadline of its answer, instead of the one it has."""
        made = Deadline(identity(f"{key}/answer"), key, "answer", 0, fired, met, late, overdue)
        self.deadlines = [one for one in self.deadlines if one.complaint_id != key] + [made]
        return made

    def answer(self, key: str, *, unit: str = "repair") -> str:
        """Answer a complaint; return the answer's id."""
        answer_id = identity(f"{key}/answer-text")
        self.publish("answer.content", key, "answer.content.v1")
        self.publish("assignment.events", key, "assignment.answered.v1", unit=unit, answer_id=answer_id)
        self.answers.append(Answer(key, answer_id, 1, blank=False))
        self.shown.append(Answer(key, answer_id, 0, blank=False))
        self.cases = [one._replace(answered=one.answered or one.complaint_id == key) for one in self.cases]
        return answer_id

    def miss(self, key: str, *, unit: str = "repair", at: datetime = NOW) -> Miss:
        """Let a case miss its answer, and book what that costs: 100 yuan and 20 % for the leaders."""
        deadline = self.deadline(key, fired=True, met=True, late=True, overdue=OLD)
        event = self.publish(
            "assignment.events",
            key,
            "assignment.deadline_missed.v1",
            unit=unit,
            deadline_id=deadline.deadline_id,
            kind="answer",
        )
        miss = Miss(event, key, deadline.deadline_id, unit, "P3", "answer", at, 1)
        self.misses.append(miss)
        self.evidence.add(event)
        self.book(key, "C-NO-REPLY", deadline.deadline_id, -10_000, (event,), unit=unit, at=at)
        self.book(
            key, "C-NO-REPLY", f"{deadline.deadline_id}:unit_leaders", -2_000, (event,), unit=unit, at=at
        )
        return miss

    def book(
        self,
        key: str,
        clause: str,
        occurrence: str,
        fen: int,
        evidence: tuple[str, ...],
        *,
        unit: str = "repair",
        at: datetime = NOW,
        reverses: str | None = None,
        carried_to: str | None = None,
    ) -> Entry:
        """Post a ledger entry at once, or now where its month was frozen, and tell it."""
        entry_id = identity(f"entry-{len(self.entries)}")
        own = month_of(at)
        month, frozen, posted_at = (carried_to, own, NOW) if carried_to else (own, None, at)
        entry = Entry(
            entry_id, key, clause, occurrence, unit, month, fen, 1, evidence, reverses, frozen, posted_at
        )
        self.entries.append(entry)
        self.publish("assessment.events", key, "assessment.entry_posted.v1", entry_id=entry_id)
        return entry

    def give_back(self, unit: str, month: str, fen: int, evidence: tuple[str, ...]) -> Entry:
        """Post what a unit's month gets back for its cap, and tell it."""
        entry_id, place = identity(f"entry-{len(self.entries)}"), f"{unit}:{month}"
        entry = Entry(entry_id, None, "C-MONTH-CAP", place, unit, month, fen, 1, evidence, None, None, NOW)
        self.entries.append(entry)
        self.publish("assessment.events", place, "assessment.month_entry_posted.v1", entry_id=entry_id)
        return entry

    def snapshot(self) -> Snapshot:
        """What the auditor would have read."""
        committed: dict[str, dict[tuple[str, int], int]] = {group.name: {} for group in GROUPS}
        for (group, topic, partition), offset in self.committed.items():
            committed[group][topic, partition] = offset
        deliveries = {
            service: Delivery(
                {(topic, key): last for (owner, topic, key), last in self.inbox.items() if owner == service},
                self.pending.get(service, {}),
                self.dead.get(service, {}),
            )
            for service in SERVICES
        }
        return Snapshot(
            Log(self.records, self.ends, committed),
            self.outbox,
            deliveries,
            Intake(self.complaints, self.keys, self.shown),
            Dispatch(
                self.cases, self.deadlines, self.answers, self.recorded, frozenset({"repair", "office"})
            ),
            Assessment(
                self.scored,
                self.misses,
                self.overdue,
                self.entries,
                frozenset(self.evidence),
                {1: RULE_BOOK},
                self.frozen,
                self.pools,
            ),
            frozenset(self.notified),
        )


def sound_world() -> World:
    """Three complaints: one open, one answered, one imported that was answered late."""
    world = World()
    world.publish("directory.state", "unit:repair", "directory.unit.v1")
    world.publish("rulebook.state", "rulebook:1", "rulebook.version.v1")
    world.register("open")
    answered = world.register("answered")
    world.answer(answered)
    world.deadline(answered, fired=False, met=True, overdue=OLD)
    late = world.register("late", origin="history")
    world.miss(late, at=NOW - timedelta(days=90))
    world.answer(late)
    return world


def freeze_and_cap(world: World) -> None:
    """Let a sound world learn of an earlier miss once its late one's month is frozen.

    The late one turns out to be a repeat and costs 240 yuan instead of 120. The correction goes to September,
    the next open month. The pool of 1000 yuan caps that at 100, so it gets 20 yuan back.
    """
    late = [one for one in world.entries if one.case_id == LATE]
    at = NOW - timedelta(days=90)
    world.frozen[month_of(at)] = NOW - timedelta(days=50)
    earlier = world.register("earlier", origin="history")
    evidence = world.miss(earlier, at=at - timedelta(days=10)).event_id
    world.answer(earlier)
    for one in late:
        key, fen = (LATE, one.clause, one.occurrence), one.amount_fen
        world.book(*key, -fen, one.evidence, at=at, reverses=one.entry_id, carried_to="2026-09")
        world.book(*key, 2 * fen, (*one.evidence, evidence), at=at, carried_to="2026-09")
    world.pools += [
        Pool("repair", "2026-01", NOW - timedelta(days=20), 50_000_000),
        Pool("repair", "2026-09", NOW - timedelta(days=18), 100_000),
        Pool("repair", "2026-09", NOW - timedelta(days=19), 7),
        Pool("repair", "2026-10", NOW - timedelta(days=17), None),
        Pool("office", "2026-09", NOW - timedelta(days=16), 0),
    ]
    world.give_back("repair", "2026-09", 2_000, late[0].evidence)


def found(world: World) -> dict[str, Finding]:
    """The findings that hold a violation, by invariant."""
    return {one.id: one for one in judge(world.snapshot()).findings if one.violations}
