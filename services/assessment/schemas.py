"""HTTP response models of assessment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

__all__ = [
    "CaseEntry",
    "CaseLedgerModel",
    "EvidenceModel",
    "ImportProgressModel",
    "StatementEntry",
    "StatementModel",
    "StatementUnit",
]


class StatementEntry(BaseModel):
    """One ledger entry in force. Signed fen: a deduction is negative. `case` is the complaint's number.

    `occurred_at` is when the evidence happened; entries are listed by it.
    """

    case: str
    complaint_id: UUID
    clause: str
    clause_title: str
    occurrence: str
    amount_fen: int
    occurred_at: datetime
    evidence: list[UUID]
    explanation: str
    entry_id: UUID
    rule_book_version: int


class StatementUnit(BaseModel):
    """A unit's month; `unit` is its name."""

    unit: str
    unit_code: str
    total_fen: int
    entries: list[StatementEntry]


class StatementModel(BaseModel):
    """A month of all units the caller may see, in the directory's order, also those without an entry."""

    month: str
    rule_book_version: int
    units: list[StatementUnit]


class CaseEntry(BaseModel):
    """One entry of a case's ledger as it was booked; `reverses` names the entry it takes back."""

    entry_id: UUID
    unit_code: str
    clause: str
    occurrence: str
    amount_fen: int
    month: str
    evidence: list[UUID]
    explanation: str
    rule_book_version: int
    reverses: UUID | None


class CaseLedgerModel(BaseModel):
    """Everything booked for a case, in order; `case` is the complaint's number."""

    case: str
    complaint_id: UUID
    total_fen: int
    entries: list[CaseEntry]


class EvidenceModel(BaseModel):
    """An event that proves an entry, as it was received."""

    event_id: UUID
    type: str
    topic: str
    case: str
    complaint_id: UUID
    occurred_at: datetime
    body: dict[str, Any]


class ImportProgressModel(BaseModel):
    """Cases of imported history that are assigned, and those that are answered and scored too."""

    assigned: int
    answered: int
