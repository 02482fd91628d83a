"""The topics of Huiying: names, kinds and the configuration each kind needs.

Three kinds (facts, personal content, entity state) plus one dead-letter topic beside each. The partition
count of a topic is fixed for its life: changing it would break the order of events per key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DEFAULT_PARTITIONS", "TOPICS", "Topic", "TopicKind", "dead_topic", "kind_of"]

DEFAULT_PARTITIONS = 24


class TopicKind(StrEnum):
    """What a topic carries, which decides its retention and how a reader orders it."""

    EVENT = "event"  # facts, kept for ever, every sequence number applied in order
    CONTENT = "content"  # personal content, compacted, the highest version wins
    STATE = "state"  # entities, compacted, the highest version wins, read to the end before events
    DEAD = "dead"  # copies of records that could not be processed


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its name, kind and number of partitions."""

    name: str
    kind: TopicKind
    partitions: int = DEFAULT_PARTITIONS

    @property
    def config(self) -> Mapping[str, str]:
        """Kafka topic configuration of this kind (R12)."""
        if self.kind in {TopicKind.CONTENT, TopicKind.STATE}:
            return {"cleanup.policy": "compact"}
        return {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def dead_topic(name: str) -> str:
    """Name of the topic that mirrors the dead letters of topic `name`."""
    return f"{name}.dead"


_LIVE = (
    Topic("complaint.events", TopicKind.EVENT),
    Topic("complaint.content", TopicKind.CONTENT),
    Topic("assignment.events", TopicKind.EVENT),
    Topic("answer.content", TopicKind.CONTENT),
    Topic("directory.state", TopicKind.STATE),
    Topic("assessment.events", TopicKind.EVENT),
    Topic("rulebook.state", TopicKind.STATE),
    Topic("alert.events", TopicKind.EVENT),
)

TOPICS: Mapping[str, Topic] = {
    topic.name: topic
    for topic in (*_LIVE, *(Topic(dead_topic(live.name), TopicKind.DEAD, 1) for live in _LIVE))
}


def kind_of(name: str) -> TopicKind:
    """Kind of a known topic. KeyError for a name that is not ours."""
    return TOPICS[name].kind
