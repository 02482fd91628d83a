"""I6: the ledger says, to the fen, what the rule book makes of the recorded facts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from deploy.auditor.charges import Key, expected_lines
from deploy.auditor.facts import Snapshot
from deploy.auditor.rows import Entry
from deploy.auditor.verdict import Finding

__all__ = ["check_money"]


def check_money(snapshot: Snapshot) -> Finding:
    """Check the ledger's own rules, then compare it with an independent calculation."""
    finding = Finding("I6", "考核到分：台账与按细则重算的结果一致，冲正各有所指")
    entries = snapshot.assessment.entries
    finding.checked = len(entries) + len(snapshot.assessment.cases)
    standing = _standing(entries, finding)
    _check_signs(snapshot, entries, finding)
    if (
        unknown := {miss.rule_book_version for miss in snapshot.assessment.misses}
        - snapshot.assessment.books.keys()
    ):
        versions = "、".join(str(version) for version in sorted(unknown))
        finding.violate(f"考核服务没有细则第 {versions} 版，不能重算")
        return finding
    _compare(snapshot, standing, finding)
    _check_evidence(snapshot, standing.values(), finding)
    return finding


def _standing(entries: Sequence[Entry], finding: Finding) -> dict[Key, Entry]:
    """Entries in force by key; broken reversals and doubled entries are violations."""
    by_id = {entry.entry_id: entry for entry in entries}
    reversed_by: dict[str, str] = {}
    for entry in entries:
        if entry.reverses is None:
            continue
        wrong = by_id.get(entry.reverses)
        if wrong is None or wrong.reverses is not None or not _undoes(entry, wrong):
            finding.violate(
                "冲正分录没有对应的原分录，或与它不相抵", entry.entry_id, entry.reverses, entry.case_id
            )
        other = reversed_by.setdefault(entry.reverses, entry.entry_id)
        if other != entry.entry_id:
            finding.violate("同一分录被冲正两次", entry.reverses, other, entry.entry_id)
    standing: dict[Key, Entry] = {}
    for entry in entries:
        if entry.reverses is None and entry.entry_id not in reversed_by:
            other_entry = standing.setdefault(_key(entry), entry)
            if other_entry is not entry:
                finding.violate(
                    f"条款 {entry.clause} 对同一事由扣了两次（{entry.occurrence}）",
                    entry.case_id,
                    other_entry.entry_id,
                    entry.entry_id,
                )
    return standing


def _undoes(reversal: Entry, wrong: Entry) -> bool:
    same = (_key(reversal), reversal.unit, reversal.month) == (_key(wrong), wrong.unit, wrong.month)
    return same and reversal.amount_fen == -wrong.amount_fen


def _check_signs(snapshot: Snapshot, entries: Sequence[Entry], finding: Finding) -> None:
    """Per key the ledger never turns: a clause takes, only the case cap gives back."""
    caps = {str(book["caps"]["case"]["code"]) for book in snapshot.assessment.books.values()}
    nets: dict[Key, int] = defaultdict(int)
    for entry in entries:
        nets[_key(entry)] += entry.amount_fen
    for (case, clause, occurrence), net in nets.items():
        if (net < 0) if clause in caps else (net > 0):
            finding.violate(f"条款 {clause}（{occurrence}）的净额 {net} 分方向不对", case)


def _compare(snapshot: Snapshot, standing: Mapping[Key, Entry], finding: Finding) -> None:
    facts = snapshot.assessment
    not_taken = {one.complaint_id: one.fallback_unit for one in facts.cases if not one.taken}
    left_alone = {case: unit for case, unit in not_taken.items() if unit is not None}
    expected = expected_lines(facts.misses, facts.overdue, facts.books, left_alone)
    for key, line in expected.items():
        entry = standing.get(key)
        if entry is None:
            finding.violate(f"条款 {key[1]}（{key[2]}）应扣 {line.fen} 分，台账里没有", key[0])
        elif (entry.unit, entry.month, entry.amount_fen) != (line.unit, line.month, -line.fen):
            finding.violate(
                f"条款 {key[1]}（{key[2]}）台账记 {entry.unit} {entry.month} {entry.amount_fen} 分，"
                f"重算是 {line.unit} {line.month} {-line.fen} 分",
                key[0],
                entry.entry_id,
            )
    for key in standing.keys() - expected.keys():
        entry = standing[key]
        finding.violate(
            f"条款 {key[1]}（{key[2]}）台账记 {entry.amount_fen} 分，重算不该有", key[0], entry.entry_id
        )
    _compare_statements(
        snapshot, {key: (one.unit, one.month, -one.fen) for key, one in expected.items()}, finding
    )


def _compare_statements(
    snapshot: Snapshot, expected: Mapping[Key, tuple[str, str, int]], finding: Finding
) -> None:
    """The sum of all ledger rows of a unit and month is what that month's statement must say."""
    booked: dict[tuple[str, str], int] = defaultdict(int)
    due: dict[tuple[str, str], int] = defaultdict(int)
    for entry in snapshot.assessment.entries:
        booked[entry.unit, entry.month] += entry.amount_fen
    for unit, month, fen in expected.values():
        due[unit, month] += fen
    for unit, month in sorted(booked.keys() | due.keys()):
        finding.checked += 1
        if booked[unit, month] != due[unit, month]:
            finding.violate(
                f"{unit} {month} 台账合计 {booked[unit, month]} 分，重算合计 {due[unit, month]} 分"
            )


def _check_evidence(snapshot: Snapshot, entries: Iterable[Entry], finding: Finding) -> None:
    """Every entry in force names events that exist and can be shown."""
    known = snapshot.outbox.keys() | {record.event_id for record in snapshot.log.records}
    for entry in entries:
        if not entry.evidence or not known.issuperset(entry.evidence):
            finding.violate(f"条款 {entry.clause} 的依据不是日志里的事件", entry.case_id, entry.entry_id)
        elif not snapshot.assessment.shown.issuperset(entry.evidence):
            finding.violate(f"条款 {entry.clause} 的依据无法出示", entry.case_id, entry.entry_id)


def _key(entry: Entry) -> Key:
    return entry.case_id, entry.clause, entry.occurrence
