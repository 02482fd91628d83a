"""I5, first half: each service has taken each key exactly as far as the log goes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from deploy.auditor.facts import Delivery, Record, Snapshot
from deploy.auditor.layout import GROUPS, Group
from deploy.auditor.verdict import Finding

__all__ = ["WAIT_LIMIT", "check_consumption"]

WAIT_LIMIT = 60.0
"""Seconds after which an event that waits for something is no longer under way."""

_Records = Mapping[str, Sequence[Record]]


def check_consumption(snapshot: Snapshot, finding: Finding) -> None:
    """Compare every inbox with the log, key by key."""
    by_topic = _by_topic(snapshot)
    for group in GROUPS:
        for topic in group.topics:
            _check_topic(snapshot, group, topic, by_topic.get(topic, {}), finding)


def _check_topic(
    snapshot: Snapshot,
    group: Group,
    topic: str,
    records: _Records,
    finding: Finding,
) -> None:
    delivery = snapshot.deliveries[group.service]
    for key, found in records.items():
        finding.checked += 1
        last = delivery.inbox.get((topic, key), 0)
        missing = [one for one in found if _number(one) > last and one.place not in delivery.dead]
        if missing:
            _judge_missing(snapshot, group, missing, delivery, finding)
        elif last > max(_number(one) for one in found):
            _judge_ahead(snapshot, group.service, topic, key, finding)
    for (taken_topic, key), last in delivery.inbox.items():
        if taken_topic == topic and last and key not in records:
            finding.checked += 1
            _judge_ahead(snapshot, group.service, topic, key, finding)


def _judge_missing(
    snapshot: Snapshot, group: Group, missing: Sequence[Record], delivery: Delivery, finding: Finding
) -> None:
    """Say why numbers that are in the log are not in the inbox: under way, held, waiting, or lost."""
    first = missing[0]
    topic, key = first.topic, first.key or ""
    waiting = delivery.pending.get((topic, key), {})
    if not snapshot.log.is_consumed(group.name, first):
        finding.in_flight += 1
    elif (topic, key) in delivery.held:
        finding.set_apart(f"held_by_dead_letter_in_{group.service}", key)
    elif waiting and max(waiting.values()) < WAIT_LIMIT:
        finding.in_flight += 1
    elif waiting:
        finding.violate(
            f"{group.service} 有 {topic} 的事件等待了 {max(waiting.values()):.0f} 秒，没有什么可等",
            key,
            first.event_id,
        )
    else:
        finding.violate(f"{group.service} 没有处理 {topic} 的第 {first.seq} 个事件", key, first.event_id)


def _judge_ahead(snapshot: Snapshot, service: str, topic: str, key: str, finding: Finding) -> None:
    """An inbox may be ahead of the log that was read, but never of the outboxes."""
    last = snapshot.deliveries[service].inbox[topic, key]
    if last <= snapshot.written.get((topic, key), 0):
        finding.in_flight += 1
    else:
        finding.violate(f"{service} 的收件箱说 {topic} 到了第 {last} 个，日志和发件箱都没有", key)


def _by_topic(snapshot: Snapshot) -> Mapping[str, Mapping[str, list[Record]]]:
    """Readable records by topic and key."""
    found: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in snapshot.log.records:
        if record.key is not None and record.seq is not None:
            found[record.topic][record.key].append(record)
    return found


def _number(record: Record) -> int:
    return record.seq or 0
