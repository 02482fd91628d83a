"""What the auditor knows of the installation: topics, who writes them, who must read them.

Written down a second time on purpose: a mistake in the product's own tables is not repeated here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "GROUPS",
    "KEEP_SECONDS",
    "KEPT_FIELDS",
    "SERVICES",
    "TOPICS",
    "Group",
    "Kind",
    "Topic",
    "groups_of",
]

SERVICES = ("intake", "dispatch", "assessment", "notify")
KEEP_SECONDS = 30 * 86_400
"""Published outbox rows are kept at least this long; a record older than this may have lost its row."""


class Kind(StrEnum):
    """What a topic carries, which decides how its numbers are read."""

    EVENT = "event"  # kept for ever, numbered per key from 1 without gaps
    LATEST = "latest"  # compacted, the highest number of a key wins
    DEAD = "dead"  # copies of dead letters, written by whoever could not read them


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic and the service that writes it; None where every service may."""

    name: str
    kind: Kind
    producer: str | None


_LIVE = (
    Topic("complaint.events", Kind.EVENT, "intake"),
    Topic("complaint.content", Kind.LATEST, "intake"),
    Topic("assignment.events", Kind.EVENT, "dispatch"),
    Topic("answer.content", Kind.LATEST, "dispatch"),
    Topic("directory.state", Kind.LATEST, "dispatch"),
    Topic("assessment.events", Kind.EVENT, "assessment"),
    Topic("rulebook.state", Kind.LATEST, "assessment"),
    Topic("alert.events", Kind.EVENT, "notify"),
)
TOPICS: Mapping[str, Topic] = {
    topic.name: topic for topic in (*_LIVE, *(Topic(f"{one.name}.dead", Kind.DEAD, None) for one in _LIVE))
}


@dataclass(frozen=True, slots=True)
class Group:
    """One consumer group, the service whose database it fills, and the topics it must read."""

    name: str
    service: str
    topics: tuple[str, ...]


GROUPS = (
    Group("intake-state", "intake", ("directory.state", "rulebook.state")),
    Group("intake", "intake", ("answer.content", "assignment.events")),
    Group("dispatch-state", "dispatch", ("rulebook.state",)),
    Group("dispatch", "dispatch", ("complaint.content", "complaint.events")),
    Group("assessment-state", "assessment", ("directory.state",)),
    Group("assessment", "assessment", ("complaint.events", "assignment.events")),
    Group("notify-state", "notify", ("directory.state",)),
    Group("notify", "notify", ("complaint.events", "assignment.events")),
)

KEPT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "assignment.assigned.v1": ("unit", "fallback"),
    "assignment.accepted.v1": ("unit",),
    "assignment.arrived.v1": ("unit",),
    "assignment.completed.v1": ("unit",),
    "assignment.answered.v1": ("unit", "answer_id"),
    "assignment.deadline_missed.v1": ("unit", "deadline_id", "kind"),
    "assignment.overdue_workday.v1": ("unit", "deadline_id", "workday"),
    "assessment.entry_posted.v1": ("entry_id", "amount_fen"),
    "assessment.month_entry_posted.v1": ("entry_id", "amount_fen"),
}
"""Payload fields the auditor compares with databases; nothing else of a payload is kept."""


def groups_of(topic: str) -> tuple[Group, ...]:
    """Return the groups that must read a topic."""
    return tuple(group for group in GROUPS if topic in group.topics)
