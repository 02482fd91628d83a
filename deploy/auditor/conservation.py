"""I1: what was accepted is here, each once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from deploy.auditor.facts import Snapshot
from deploy.auditor.rows import Complaint
from deploy.auditor.verdict import Finding

__all__ = ["Reply", "check_conservation"]

_CREATED = 201


class Reply(NamedTuple):
    """One line of a load generator's ledger: what a registration was answered. No status: no answer came."""

    key: str
    status: int | None
    complaint_id: str | None
    number: str | None


def check_conservation(snapshot: Snapshot, replies: Sequence[Reply] = ()) -> Finding:
    """Compare complaints with idempotency keys and, where there is one, with the clients' own ledger."""
    finding = Finding(
        "I1", "受理守恒：每个受理答复对应且只对应一件反映", checked=len(snapshot.intake.complaints)
    )
    complaints = {one.id: one for one in snapshot.intake.complaints}
    _check_names(snapshot.intake.complaints, finding)
    _check_keys(snapshot, complaints, finding)
    if replies:
        _check_replies(snapshot, complaints, replies, finding)
    return finding


def _check_names(complaints: Iterable[Complaint], finding: Finding) -> None:
    """Numbers, and the names of imported complaints in their systems, come once."""
    numbers: dict[str, str] = {}
    imported: dict[tuple[str | None, str], str] = {}
    for one in complaints:
        other = numbers.setdefault(one.number, one.id)
        if other != one.id:
            finding.violate(f"编号 {one.number} 给了两件反映", one.id, other)
        if one.external_id is None:
            continue
        other = imported.setdefault((one.source, one.external_id), one.id)
        if other != one.id:
            finding.violate(f"来源 {one.source} 的 {one.external_id} 导入了两次", one.id, other)


def _check_keys(snapshot: Snapshot, complaints: dict[str, Complaint], finding: Finding) -> None:
    """Each idempotency key stands for one complaint, and no complaint for two keys."""
    owners: dict[str, str] = {}
    for key in snapshot.intake.keys:
        complaint = complaints.get(key.complaint_id)
        if complaint is None:
            finding.violate(f"幂等键 {key.key} 已答复受理，反映却不存在", key.complaint_id)
        elif (key.reply_complaint_id, key.reply_number) != (complaint.id, complaint.number):
            finding.violate(f"幂等键 {key.key} 存下的答复不是反映 {complaint.number} 的", complaint.id)
        other = owners.setdefault(key.complaint_id, key.key)
        if other != key.key:
            finding.violate(f"一件反映对应两个幂等键 {other} 和 {key.key}", key.complaint_id)


def _check_replies(
    snapshot: Snapshot, complaints: dict[str, Complaint], replies: Sequence[Reply], finding: Finding
) -> None:
    """Each key that got a 201 is exactly that complaint; a key that only got refusals is none."""
    kept = {key.key: key.complaint_id for key in snapshot.intake.keys}
    created = _created(replies, finding)
    for key, reply in created.items():
        complaint = complaints.get(reply.complaint_id or "")
        if complaint is None or complaint.number != reply.number:
            finding.violate(
                f"客户端收到受理答复 {reply.number}（键 {key}），反映却不存在", reply.complaint_id
            )
        elif kept.get(key) != complaint.id:
            finding.violate(f"反映 {complaint.number} 没有记在它的幂等键 {key} 下", complaint.id)
    in_doubt = {reply.key for reply in replies if reply.status is None}
    for key in {reply.key for reply in replies} - created.keys() - in_doubt:
        if key in kept:
            finding.violate(f"幂等键 {key} 只得到拒绝，却有一件反映", kept[key])
    finding.checked += len(replies)


def _created(replies: Sequence[Reply], finding: Finding) -> dict[str, Reply]:
    """The 201 of each key; two different ones are a violation."""
    created: dict[str, Reply] = {}
    for reply in replies:
        if reply.status == _CREATED:
            first = created.setdefault(reply.key, reply)
            if first != reply:
                finding.violate(
                    f"幂等键 {reply.key} 得到两个不同的受理答复", first.complaint_id, reply.complaint_id
                )
    return created
