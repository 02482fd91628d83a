"""I8: every complaint is answered, or somebody is being timed for the answer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from deploy.auditor.consumption import WAIT_LIMIT
from deploy.auditor.facts import Snapshot
from deploy.auditor.registration import REGISTERED
from deploy.auditor.rows import Case, Complaint, Deadline
from deploy.auditor.verdict import Finding

__all__ = ["UNNOTICED_LIMIT", "check_promise"]

UNNOTICED_LIMIT = 60.0
"""Seconds a deadline may be past before somebody must have noticed."""


def check_promise(snapshot: Snapshot) -> Finding:
    """Judge each complaint by its case, its answer and the deadlines of its answer."""
    finding = Finding("I8", "件件有回应：每件反映已答复，或正在计时，或已报逾期")
    cases = _cases(snapshot, finding)
    texts = {one.complaint_id: one.blank for one in snapshot.dispatch.answers}
    deadlines: dict[str, list[Deadline]] = defaultdict(list)
    for deadline in snapshot.dispatch.deadlines:
        if deadline.kind == "answer" and deadline.level == 0:
            deadlines[deadline.complaint_id].append(deadline)
    coming = _on_their_way(snapshot)
    for complaint in snapshot.intake.complaints:
        case = cases.get(complaint.id)
        if case is None:
            if complaint.id in coming:
                finding.in_flight += 1
                continue
            finding.violate(f"反映 {complaint.number} 没有派给任何单位", complaint.id)
        else:
            _check_unit(snapshot, case, finding)
            _check_answer(complaint, case, texts, deadlines.get(complaint.id, ()), finding)
        finding.checked += 1
    _check_recorded(snapshot, finding)
    return finding


def _cases(snapshot: Snapshot, finding: Finding) -> Mapping[str, Case]:
    """Cases by complaint; a complaint or a number with two cases is a violation."""
    cases: dict[str, Case] = {}
    numbers: dict[str, str] = {}
    for case in snapshot.dispatch.cases:
        if case.complaint_id in cases:
            finding.violate(f"反映 {case.number} 有两个派单", case.complaint_id)
        other = numbers.setdefault(case.number, case.complaint_id)
        if other != case.complaint_id:
            finding.violate(f"编号 {case.number} 有两个派单", case.complaint_id, other)
        cases[case.complaint_id] = case
    return cases


def _check_unit(snapshot: Snapshot, case: Case, finding: Finding) -> None:
    if case.unit not in snapshot.dispatch.units:
        finding.violate(f"反映 {case.number} 派给了名录里没有的单位 {case.unit!r}", case.complaint_id)


def _check_answer(
    complaint: Complaint,
    case: Case,
    texts: Mapping[str, bool],
    deadlines: Sequence[Deadline],
    finding: Finding,
) -> None:
    if case.answered:
        if texts.get(case.complaint_id, True):
            finding.violate(f"反映 {complaint.number} 记为已答复，却没有答复内容", complaint.id)
    elif case.origin == "history":
        finding.set_apart("history_without_answer", complaint.id)
    elif not any(one.fired or not one.met for one in deadlines):
        finding.violate(f"反映 {complaint.number} 没有答复，也没有人计时", complaint.id)
    elif all(not one.fired and one.overdue > UNNOTICED_LIMIT for one in deadlines):
        late = max(one.overdue for one in deadlines)
        finding.violate(f"反映 {complaint.number} 的答复时限已过 {late:.0f} 秒，没有报逾期", complaint.id)


def _on_their_way(snapshot: Snapshot) -> set[str]:
    """Complaints whose registered event dispatch could not have taken yet."""
    coming = {row.key for row in snapshot.outbox.values() if row.type == REGISTERED and not row.settled}
    waiting = snapshot.deliveries["dispatch"].pending
    for record in snapshot.own_records.get(REGISTERED, ()):
        ages = waiting.get((record.topic, record.key or ""), {})
        if not snapshot.log.is_consumed("dispatch", record) or (ages and max(ages.values()) < WAIT_LIMIT):
            coming.add(record.key or "")
    return coming


def _check_recorded(snapshot: Snapshot, finding: Finding) -> None:
    """A recorded answer whose complaint is here is applied to it, or refused with a reason."""
    for answer in snapshot.dispatch.recorded:
        if answer.age is None or answer.complaint_id is None:
            continue
        if answer.state == "waiting":
            if answer.age < WAIT_LIMIT:
                finding.in_flight += 1
            else:
                finding.violate(
                    f"来源 {answer.source} 的 {answer.external_id} 有记录的答复，却没有记到反映上",
                    answer.complaint_id,
                )
