"""I6: the ledger says, to the fen, what the rule book makes of the recorded facts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from deploy.auditor.charges import Line, expected_lines
from deploy.auditor.facts import Snapshot
from deploy.auditor.ledger import check_ledger
from deploy.auditor.months import expected_credits
from deploy.auditor.rows import Assessment, Entry, EntryKey
from deploy.auditor.verdict import Finding

__all__ = ["check_money"]


def check_money(snapshot: Snapshot) -> Finding:
    """Check the ledger's own rules, then compare it with an independent calculation."""
    finding = Finding("I6", "考核到分：台账与按细则重算的结果一致，冲正各有所指，冻结的月份不再变动")
    facts = snapshot.assessment
    finding.checked = len(facts.entries) + len(facts.cases)
    standing = check_ledger(facts, finding)
    if unknown := {miss.rule_book_version for miss in facts.misses} - facts.books.keys():
        versions = "、".join(str(version) for version in sorted(unknown))
        finding.violate(f"考核服务没有细则第 {versions} 版，不能重算")
        return finding
    _compare_cases(facts, {key: one for key, one in standing.items() if one.case_id is not None}, finding)
    _compare_months(facts, {key: one for key, one in standing.items() if one.case_id is None}, finding)
    _check_evidence(snapshot, standing.values(), finding)
    return finding


def _compare_cases(facts: Assessment, standing: Mapping[EntryKey, Entry], finding: Finding) -> None:
    """Each line of a case is in force as it must be, in its own month wherever it is booked."""
    not_taken = {one.complaint_id: one.fallback_unit for one in facts.cases if not one.taken}
    left_alone = {case: unit for case, unit in not_taken.items() if unit is not None}
    expected = expected_lines(facts.misses, facts.overdue, facts.books, left_alone)
    for key, line in expected.items():
        entry = standing.get(key)
        if entry is None:
            finding.violate(f"条款 {key[1]}（{key[2]}）应扣 {line.fen} 分，台账里没有", key[0])
        elif (entry.unit, entry.own_month, entry.amount_fen) != (line.unit, line.month, -line.fen):
            finding.violate(
                f"条款 {key[1]}（{key[2]}）台账记 {entry.unit} {entry.own_month} {entry.amount_fen} 分，"
                f"重算是 {line.unit} {line.month} {-line.fen} 分",
                key[0],
                entry.entry_id,
            )
    _check_uncalled_for(standing, expected.keys(), finding)
    _compare_sums(facts, expected.values(), finding)


def _compare_sums(facts: Assessment, expected: Iterable[Line], finding: Finding) -> None:
    """All rows of cases that belong to a unit's month, reversals included, sum up to what it must cost."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    due: dict[tuple[str, str], int] = defaultdict(int)
    for entry in facts.entries:
        if entry.case_id is not None:
            held[entry.unit, entry.own_month] += entry.amount_fen
    for line in expected:
        due[line.unit, line.month] -= line.fen
    for unit, month in sorted(held.keys() | due.keys()):
        finding.checked += 1
        if held[unit, month] != due[unit, month]:
            finding.violate(f"{unit} {month} 台账合计 {held[unit, month]} 分，重算合计 {due[unit, month]} 分")


def _compare_months(facts: Assessment, standing: Mapping[EntryKey, Entry], finding: Finding) -> None:
    """Each unit's month gets back what exceeds its cap, and nothing else concerns a month as a whole."""
    expected = expected_credits(facts)
    finding.checked += len(expected.keys() | standing.keys())
    for key, credit in expected.items():
        entry = standing.get(key)
        if entry is None:
            finding.violate(f"条款 {key[1]}（{key[2]}）应冲减 {credit.fen} 分，台账里没有")
        elif (entry.unit, entry.month, entry.amount_fen) != credit:
            finding.violate(
                f"条款 {key[1]}（{key[2]}）台账记 {entry.unit} {entry.month} {entry.amount_fen} 分，"
                f"重算是 {credit.unit} {credit.month} {credit.fen} 分",
                entry.entry_id,
            )
    _check_uncalled_for(standing, expected.keys(), finding)


def _check_uncalled_for(
    standing: Mapping[EntryKey, Entry], expected: Iterable[EntryKey], finding: Finding
) -> None:
    for key in standing.keys() - set(expected):
        entry = standing[key]
        finding.violate(
            f"条款 {key[1]}（{key[2]}）台账记 {entry.amount_fen} 分，重算不该有", key[0], entry.entry_id
        )


def _check_evidence(snapshot: Snapshot, entries: Iterable[Entry], finding: Finding) -> None:
    """Every entry in force names events that exist and can be shown."""
    known = snapshot.outbox.keys() | {record.event_id for record in snapshot.log.records}
    for entry in entries:
        if not entry.evidence or not known.issuperset(entry.evidence):
            finding.violate(f"条款 {entry.clause} 的依据不是日志里的事件", entry.case_id, entry.entry_id)
        elif not snapshot.assessment.shown.issuperset(entry.evidence):
            finding.violate(f"条款 {entry.clause} 的依据无法出示", entry.case_id, entry.entry_id)
