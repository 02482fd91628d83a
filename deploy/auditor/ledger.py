"""I6, first part: the ledger's own rules, whatever it must say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from deploy.auditor.months import CREDIT_CODE, misplacement
from deploy.auditor.rows import Assessment, Entry, EntryKey
from deploy.auditor.verdict import Finding

__all__ = ["check_ledger"]


def check_ledger(facts: Assessment, finding: Finding) -> dict[EntryKey, Entry]:
    """Return the entries in force by key.

    Broken reversals, doubled entries, wrong signs and entries in a month that could not take them are
    violations.
    """
    for entry in facts.entries:
        problem = misplacement(entry, facts.frozen)
        if problem is not None:
            finding.violate(problem, entry.case_id, entry.entry_id)
    _check_signs(facts, finding)
    return _standing(facts.entries, _reversed(facts.entries, finding), finding)


def _reversed(entries: Sequence[Entry], finding: Finding) -> Mapping[str, str]:
    """Reversals by what they reverse."""
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
    return reversed_by


def _undoes(reversal: Entry, wrong: Entry) -> bool:
    """The same sum is given back to the same unit's month, by the same statement or a later one."""
    same = (_key(reversal), reversal.unit, reversal.own_month) == (_key(wrong), wrong.unit, wrong.own_month)
    return same and reversal.amount_fen == -wrong.amount_fen and reversal.month >= wrong.month


def _standing(
    entries: Sequence[Entry], reversed_by: Mapping[str, str], finding: Finding
) -> dict[EntryKey, Entry]:
    standing: dict[EntryKey, Entry] = {}
    for entry in entries:
        if entry.reverses is None and entry.entry_id not in reversed_by:
            other = standing.setdefault(_key(entry), entry)
            if other is not entry:
                finding.violate(
                    f"条款 {entry.clause} 对同一事由扣了两次（{entry.occurrence}）",
                    entry.case_id,
                    other.entry_id,
                    entry.entry_id,
                )
    return standing


def _check_signs(facts: Assessment, finding: Finding) -> None:
    """Per key the ledger never turns: a clause takes, only a cap gives back."""
    caps = {CREDIT_CODE, *(str(body["caps"]["case"]["code"]) for body in facts.books.values())}
    nets: dict[EntryKey, int] = defaultdict(int)
    for entry in facts.entries:
        nets[_key(entry)] += entry.amount_fen
    for (case, clause, occurrence), net in nets.items():
        if (net < 0) if clause in caps else (net > 0):
            finding.violate(f"条款 {clause}（{occurrence}）的净额 {net} 分方向不对", case)


def _key(entry: Entry) -> EntryKey:
    return entry.case_id, entry.clause, entry.occurrence
