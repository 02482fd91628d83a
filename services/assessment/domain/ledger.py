"""The append-only ledger: what to post so that it says what is owed.

Ledger amounts are signed the way money moves: a deduction is negative. A wrong entry is never changed: a
reversing entry names it, then the right one is posted. A frozen month never changes: what belongs to it and
is posted later, corrections too, goes to the next open month and names the frozen one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.assessment.domain.months import open_month
from services.assessment.domain.scoring import Charge, ChargeKey
from services.assessment.domain.wording import explain_carried, explain_reversal

__all__ = ["Entry", "Posting", "active_entries", "corrections", "into_open_months"]


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry to be posted: signed fen, a deduction negative. `reverses` names the entry it takes back.

    `occurred_at` is event time, that of the evidence: statements list by it, whenever an entry was posted.
    `month` is the statement it is booked in; `frozen_month` the one it belongs to, where that was frozen.
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
    frozen_month: str | None = None

    @property
    def own_month(self) -> str:
        """The month it belongs to by event time, wherever it is booked."""
        return self.frozen_month or self.month


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

    Both cover the same cases: an active key that is not desired is reversed. Unit, amount and own month
    decide; an entry that differs only in its wording, or was carried out of a frozen month, stays. A reversal
    goes to the month of the entry it takes back. Frozen months are not looked at: see `into_open_months`.
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


def into_open_months(postings: Iterable[Posting], frozen: Collection[str]) -> tuple[Posting, ...]:
    """Return the postings with those of frozen months moved to the next open one, and saying so."""
    return tuple(_carried(posting, open_month(posting.month, frozen)) for posting in postings)


def _carried(posting: Posting, month: str) -> Posting:
    if month == posting.month:
        return posting
    return replace(
        posting,
        month=month,
        frozen_month=posting.own_month,
        explanation=explain_carried(posting.explanation, posting.month, month),
    )


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
    return (posting.unit, posting.amount_fen, posting.own_month) == (
        charge.unit,
        -charge.amount_fen,
        charge.month,
    )


def _undoes(reversal: Posting, entry: Posting) -> bool:
    same = (reversal.key, reversal.unit, -reversal.amount_fen, reversal.own_month) == (
        entry.key,
        entry.unit,
        entry.amount_fen,
        entry.own_month,
    )
    return same and reversal.month >= entry.month
