"""I2: each complaint was announced exactly once, and the log holds the very bytes."""

from collections import defaultdict
from collections.abc import Mapping

from deploy.auditor.facts import OutboxRow, Record, Snapshot
from deploy.auditor.layout import KEEP_SECONDS
from deploy.auditor.verdict import Finding

__all__ = ["REGISTERED", "check_registration"]

REGISTERED = "complaint.registered.v1"


def check_registration(snapshot: Snapshot) -> Finding:
    """Compare each complaint with its registered event in intake's outbox and in the log."""
    finding = Finding("I2", "受理即发布：每件反映恰有一个登记事件，日志里有同样的字节")
    rows, copies = _announced(snapshot)
    complaints = {one.id for one in snapshot.intake.complaints}
    for identity in complaints:
        _check_complaint(identity, rows.get(identity, []), copies.get(identity, {}), finding)
    for key, announced in rows.items():
        if key not in complaints:
            if announced[0].age < snapshot.settle:
                finding.in_flight += 1
            else:
                finding.violate("发件箱里有登记事件，反映却不存在", key, announced[0].event_id)
    for key in copies.keys() - rows.keys() - complaints:
        finding.violate("日志里有登记事件，反映却不存在", key, *sorted(copies[key]))
    return finding


def _announced(
    snapshot: Snapshot,
) -> tuple[Mapping[str, list[OutboxRow]], Mapping[str, dict[str, Record]]]:
    """Registered events by complaint: the outbox rows, and per event id the first copy in the log."""
    rows: dict[str, list[OutboxRow]] = defaultdict(list)
    for row in snapshot.outbox.values():
        if row.type == REGISTERED and row.service == "intake":
            rows[row.key].append(row)
    copies: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in snapshot.own_records.get(REGISTERED, ()):
        if record.key and record.event_id:
            copies[record.key].setdefault(record.event_id, record)
    return rows, copies


def _check_complaint(
    identity: str, rows: list[OutboxRow], copies: Mapping[str, Record], finding: Finding
) -> None:
    events = {row.event_id for row in rows} | copies.keys()
    if len(events) > 1:
        finding.violate(f"同一件反映有 {len(events)} 个登记事件", identity, *sorted(events))
    elif not events:
        finding.violate("反映没有登记事件", identity)
    elif not rows:  # its row may be pruned by now
        if next(iter(copies.values())).age < KEEP_SECONDS:
            finding.violate("发件箱里没有这件反映的登记事件", identity, *events)
    elif not rows[0].settled:
        finding.in_flight += 1
        return
    elif not copies:
        finding.violate("登记事件已标记发布，日志里却没有", identity, *events)
    elif copies[rows[0].event_id].digest != rows[0].digest:
        finding.violate("日志里的登记事件与发件箱的字节不同", identity, *events)
    finding.checked += 1
