"""I3: everything in an outbox is published, nothing else is in the log, and each key's order is kept."""

from collections.abc import Mapping

from deploy.auditor.facts import OutboxRow, Record, Snapshot
from deploy.auditor.layout import TOPICS, Kind, groups_of
from deploy.auditor.verdict import Finding

__all__ = ["check_publication"]


def check_publication(snapshot: Snapshot) -> Finding:
    """Compare outboxes and log row by row, and follow each key through the log."""
    finding = Finding("I3", "发件箱与日志一致：全部发布、没有来历不明的记录、每件按序")
    copies: set[str] = set()
    order = _Order(finding)
    for record in snapshot.log.records:
        finding.checked += 1
        if snapshot.is_foreign(record):
            _judge_foreign(snapshot, record, finding)
            continue
        row = snapshot.outbox.get(record.event_id or "")
        if row is not None:
            _compare(record, row, finding)
            first = row.event_id not in copies
            copies.add(row.event_id)
        else:  # older than the rows that are kept: its id tells copies apart
            first = record.event_id not in copies
            copies.add(record.event_id or "")
        if first:
            order.follow(record)
    _check_rows(snapshot, copies, finding)
    return finding


def _judge_foreign(snapshot: Snapshot, record: Record, finding: Finding) -> None:
    """A record nobody published is harmless where every reader put it aside.

    Where nobody reads, it is as long as it does not pass for an event.
    """
    if snapshot.is_quarantined(record):
        finding.set_apart("dead_letters_of_unknown_origin", str(record))
    elif record.event_id is None and not groups_of(record.topic):
        finding.set_apart("garbage_nobody_reads", str(record))
    elif record.event_id is None:
        finding.violate(f"日志记录 {record} 没有事件编号，不是任何服务发布的", record.key)
    else:
        finding.violate(f"日志记录 {record} 不在任何发件箱里", record.event_id, record.key)


def _compare(record: Record, row: OutboxRow, finding: Finding) -> None:
    producer = TOPICS[record.topic].producer
    if producer is not None and row.service != producer:
        finding.violate(f"日志记录 {record} 由 {row.service} 发布，这个主题只归 {producer}", row.event_id)
    if record.topic != row.topic:
        finding.violate(f"日志记录 {record} 应在主题 {row.topic}", row.event_id)
    if record.key != row.key or record.subject != row.key:
        finding.violate(f"日志记录 {record} 的键与发件箱不同", row.event_id, record.key, row.key)
    if (record.seq, record.type) != (row.seq, row.type) and TOPICS[record.topic].kind is not Kind.DEAD:
        finding.violate(f"日志记录 {record} 的序号或类型与发件箱不同", row.event_id, row.key)
    if record.digest != row.digest:
        finding.violate(f"日志记录 {record} 的内容与发件箱的字节不同", row.event_id, row.key)


def _check_rows(snapshot: Snapshot, copies: set[str], finding: Finding) -> None:
    """Every row is published; what compaction may not have removed is in the log."""
    for row in snapshot.outbox.values():
        finding.checked += 1
        if not row.settled:
            if not row.published and row.age > snapshot.settle:
                finding.violate(
                    f"{row.service} 的发件箱有一行 {row.age:.0f} 秒还没有发布", row.event_id, row.key
                )
            else:
                finding.in_flight += 1
        elif row.event_id not in copies and _must_be_there(row, snapshot.written):
            finding.violate(f"事件已标记发布，主题 {row.topic} 里却没有", row.event_id, row.key)


def _must_be_there(row: OutboxRow, newest: Mapping[tuple[str, str], int]) -> bool:
    topic = TOPICS.get(row.topic)
    kept_whole = topic is None or topic.kind is not Kind.LATEST
    return kept_whole or row.seq == newest[row.topic, row.key]


class _Order:
    """Follows each key of each topic through the log: its partition and its last number."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding
        self._last: dict[tuple[str, str], tuple[int, int]] = {}

    def follow(self, record: Record) -> None:
        """Judge the first copy of an event."""
        kind = TOPICS[record.topic].kind
        if kind is Kind.DEAD or record.key is None or record.seq is None:
            return
        place = record.topic, record.key
        partition, last = self._last.get(place, (record.partition, 0))
        if partition != record.partition:
            self._finding.violate(
                f"{record.topic} 的同一个键在两个分区 {partition} 和 {record.partition}", record.key
            )
        if kind is Kind.EVENT and record.seq != last + 1:
            self._finding.violate(
                f"{record.topic} 的序号不连续：{last} 之后是 {record.seq}（{record}）",
                record.key,
                record.event_id,
            )
        elif record.seq <= last:
            self._finding.violate(
                f"{record.topic} 的序号倒退：{last} 之后是 {record.seq}（{record}）",
                record.key,
                record.event_id,
            )
        self._last[place] = partition, max(record.seq, last)
