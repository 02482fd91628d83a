"""Facts read once, before anything is judged: the log, the outboxes, and what each service holds."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from deploy.auditor.layout import KEEP_SECONDS, TOPICS, groups_of
from deploy.auditor.rows import Assessment, Dispatch, Intake

__all__ = ["DeadLetter", "Delivery", "Log", "OutboxRow", "Place", "Record", "Snapshot"]

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


class Record(NamedTuple):
    """One Kafka record; what could not be read of it is None. `fields` are the payload fields kept."""

    topic: str
    partition: int
    offset: int
    age: float  # seconds, by its Kafka timestamp
    key: str | None
    event_id: str | None
    type: str
    seq: int | None
    subject: str
    digest: bytes
    fields: Mapping[str, Any] | None

    @property
    def place(self) -> Place:
        """Where it lies."""
        return self.topic, self.partition, self.offset

    def __str__(self) -> str:
        """Its place, as an operator looks it up."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class OutboxRow(NamedTuple):
    """One outbox row. `settled` tells that it was published before the ends of the log were read."""

    service: str
    event_id: str
    topic: str
    key: str
    seq: int
    type: str
    digest: bytes
    age: float
    published: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class Log:
    """The Kafka log up to the ends seen at the start, and what the groups had committed before that."""

    records: Sequence[Record]
    ends: Mapping[tuple[str, int], int]
    committed: Mapping[str, Mapping[tuple[str, int], int]]

    def is_consumed(self, group: str, record: Record) -> bool:
        """Whether the group said it is done with the record."""
        return record.offset < self.committed.get(group, {}).get((record.topic, record.partition), 0)

    def lag(self, group: str, topics: Sequence[str]) -> int:
        """Records of these topics the group has not committed yet."""
        done = self.committed.get(group, {})
        return sum(
            max(0, end - done.get(partition, 0))
            for partition, end in self.ends.items()
            if partition[0] in topics
        )


class DeadLetter(NamedTuple):
    """A record a service could not process."""

    id: str
    key: str | None
    seq: int | None
    open: bool


@dataclass(frozen=True)
class Delivery:
    """What one service says of the records it took: inbox, waiting records (with ages), dead letters."""

    inbox: Mapping[tuple[str, str], int] = field(default_factory=dict)
    pending: Mapping[tuple[str, str], Mapping[int, float]] = field(default_factory=dict)
    dead: Mapping[Place, DeadLetter] = field(default_factory=dict)

    @cached_property
    def held(self) -> Mapping[tuple[str, str], DeadLetter]:
        """The open dead letter that holds a key on a topic, by topic and key."""
        return {
            (place[0], letter.key): letter
            for place, letter in self.dead.items()
            if letter.open and letter.key
        }


@dataclass(frozen=True)
class Snapshot:
    """All facts of one audit. What is younger than `settle` seconds is under way, not judged.

    The order of reading decides what must hold: committed offsets, ends and log first, then what the
    services hold, the outboxes last. So a record's row, and the effect of a committed record, are here.
    """

    log: Log
    outbox: Mapping[str, OutboxRow]
    deliveries: Mapping[str, Delivery]
    intake: Intake
    dispatch: Dispatch
    assessment: Assessment
    notified: frozenset[str]
    settle: float = 5.0

    def is_foreign(self, record: Record) -> bool:
        """Whether no outbox ever held the record: no row, and too young for its row to be pruned."""
        return record.event_id not in self.outbox and record.age < KEEP_SECONDS

    def is_quarantined(self, record: Record) -> bool:
        """Whether every service that reads the topic put the record aside as a dead letter."""
        readers = groups_of(record.topic)
        return bool(readers) and all(record.place in self.deliveries[each.service].dead for each in readers)

    @cached_property
    def own_records(self) -> Mapping[str, Sequence[Record]]:
        """Records that came from an outbox, by event type, in the order of their partitions."""
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self.log.records:
            if not self.is_foreign(record):
                found[record.type].append(record)
        return found

    @cached_property
    def written(self) -> Mapping[tuple[str, str], int]:
        """The highest number of each topic and key in any outbox."""
        highest: dict[tuple[str, str], int] = {}
        for row in self.outbox.values():
            highest[row.topic, row.key] = max(row.seq, highest.get((row.topic, row.key), 0))
        return highest

    def is_applied(self, service: str, record: Record) -> bool:
        """Whether the service's inbox has come past the record."""
        last = self.deliveries[service].inbox.get((record.topic, record.key or ""), 0)
        return record.seq is not None and record.seq <= last

    def known_topics(self) -> Iterator[str]:
        """Yield the topics that at least one group reads."""
        return (name for name in TOPICS if groups_of(name))
