"""I11: every record a group says it is done with is accounted for."""

from deploy.auditor.facts import Delivery, Record, Snapshot
from deploy.auditor.layout import GROUPS, Group
from deploy.auditor.verdict import Finding

__all__ = ["check_offsets"]


def check_offsets(snapshot: Snapshot) -> Finding:
    """Compare committed offsets with inbox, waiting records and dead letters, record by record."""
    finding = Finding("I11", "位移有账：已提交的每条记录都已处理、在等待，或是死信")
    for group in GROUPS:
        _check_ends(snapshot, group, finding)
        finding.in_flight += snapshot.log.lag(group.name, group.topics)
    readers = {
        topic: [group for group in GROUPS if topic in group.topics] for topic in snapshot.known_topics()
    }
    for record in snapshot.log.records:
        for group in readers.get(record.topic, ()):
            if snapshot.log.is_consumed(group.name, record):
                finding.checked += 1
                if not _is_accounted(record, snapshot.deliveries[group.service]):
                    finding.violate(
                        f"{group.name} 已提交到日志记录 {record} 之后，{group.service} 却没有它的下落",
                        record.key,
                        record.event_id,
                    )
    return finding


def _check_ends(snapshot: Snapshot, group: Group, finding: Finding) -> None:
    for (topic, partition), committed in snapshot.log.committed.get(group.name, {}).items():
        end = snapshot.log.ends.get((topic, partition), 0)
        if topic in group.topics and committed > end:
            finding.violate(f"{group.name} 已提交到 {topic}/{partition}/{committed}，日志却只到 {end}")


def _is_accounted(record: Record, delivery: Delivery) -> bool:
    if record.place in delivery.dead:
        return True
    if record.key is None or record.seq is None:
        return False
    place = record.topic, record.key
    return record.seq <= delivery.inbox.get(place, 0) or record.seq in delivery.pending.get(place, {})
