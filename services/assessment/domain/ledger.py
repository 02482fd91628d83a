"""The append-only ledger: what to post so that it says what is owed.

Ledger amounts are signed the way money moves: a deduction is negative. A wrong entry is never changed: a
reversing entry names it, then the right one is posted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.assessment.domain.scoring import Charge, ChargeKey
from services.assessment.domain.wording import explain_reversal

__all__ = ["Entry", "Posting", "active_entries", "corrections"]


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry to be posted: signed fen, a deduction negative. `reverses` names the entry it takes back.

    `occurred_at` is event time, that of the evidence: statements list by it, whenever an entry was posted.
    """

    key: ChargeKey
    unit: str
    amount_fen: int
    month: str
    occurred_at: datetime
    rule_book_version: int
    evidence: tuple[UUID, ...]
    explanation: str
    reverses: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A posting as it stands in the ledger."""

    entry_id: UUID
    posting: Posting


def active_entries(entries: Iterable[Entry]) -> dict[ChargeKey, Entry]:
    """Return the entry in force for each key: neither reversed nor a reversal.

    A reversal and what it reverses must be given together. Raises ValueError where the ledger is broken: a
    reversal of nothing or of something else than it says, a second reversal, two entries in force for a key.
    """
    standing: dict[UUID, Entry] = {}
    reversals: list[Entry] = []
    for entry in entries:
        if entry.posting.reverses is None:
            standing[entry.entry_id] = entry
        else:
            reversals.append(entry)
    for reversal in reversals:
        taken_back = reversal.posting.reverses
        reversed_entry = standing.pop(taken_back, None) if taken_back else None
        if reversed_entry is None or not _undoes(reversal.posting, reversed_entry.posting):
            raise ValueError(f"ledger: {reversal.entry_id} does not reverse exactly one entry in force")
    active: dict[ChargeKey, Entry] = {}
    for entry in standing.values():
        if entry.posting.key in active:
            raise ValueError(f"ledger: two entries in force for {entry.posting.key}")
        active[entry.posting.key] = entry
    return active


def corrections(
    active: Mapping[ChargeKey, Entry], desired: Mapping[ChargeKey, Charge]
) -> tuple[Posting, ...]:
    """Return what to post so that exactly `desired` is in force; nothing where it already is.

    Both cover the same cases: an active key that is not desired is reversed. Unit, amount and month decide;
    an entry that differs only in its wording stays. A reversal goes to the month of the entry it takes back.
    """
    postings: list[Posting] = []
    for key in sorted(active.keys() | desired.keys()):
        entry, charge = active.get(key), desired.get(key)
        if entry is not None and charge is not None and _says(entry.posting, charge):
            continue
        if entry is not None:
            postings.append(_reversal(entry))
        if charge is not None:
            postings.append(_posting(key, charge))
    return tuple(postings)


def _posting(key: ChargeKey, charge: Charge) -> Posting:
    return Posting(
        key=key,
        unit=charge.unit,
        amount_fen=-charge.amount_fen,
        month=charge.month,
        occurred_at=charge.occurred_at,
        rule_book_version=charge.rule_book_version,
        evidence=charge.evidence,
        explanation=charge.explanation,
    )


def _reversal(entry: Entry) -> Posting:
    wrong = entry.posting
    return replace(
        wrong,
        amount_fen=-wrong.amount_fen,
        explanation=explain_reversal(wrong.explanation),
        reverses=entry.entry_id,
    )


def _says(posting: Posting, charge: Charge) -> bool:
    return (posting.unit, posting.amount_fen, posting.month) == (
        charge.unit,
        -charge.amount_fen,
        charge.month,
    )


def _undoes(reversal: Posting, entry: Posting) -> bool:
    return (reversal.key, reversal.unit, -reversal.amount_fen, reversal.month) == (
        entry.key,
        entry.unit,
        entry.amount_fen,
        entry.month,
    )
