"""HTTP response models of assessment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CaseEntry",
    "CaseLedgerModel",
    "EvidenceModel",
    "FrozenMonthModel",
    "ImportProgressModel",
    "PoolModel",
    "PoolNew",
    "StatementEntry",
    "StatementModel",
    "StatementUnit",
]


class StatementEntry(BaseModel):
    """One ledger entry of a month. Signed fen: a deduction is negative. `case` is the complaint's number.

    `occurred_at` is when the evidence happened; entries are listed by it. `case` and `complaint_id` are null
    where the entry concerns the unit's month as a whole; these come last. `frozen_month` is the month it
    belongs to, where that was frozen; `reverses` names an entry of a frozen month that this one takes back.
    """

    case: str | None
    complaint_id: UUID | None
    clause: str
    clause_title: str
    occurrence: str
    amount_fen: int
    occurred_at: datetime
    evidence: list[UUID]
    explanation: str
    entry_id: UUID
    rule_book_version: int
    reverses: UUID | None
    frozen_month: str | None


class StatementUnit(BaseModel):
    """A unit's month; `unit` is its name. Of its pool, `pool_fen`, deductions stop at `cap_fen`."""

    unit: str
    unit_code: str
    total_fen: int
    pool_fen: int | None
    cap_fen: int | None
    entries: list[StatementEntry]


class StatementModel(BaseModel):
    """A month of all units the caller may see, in the directory's order, also those without an entry.

    `frozen_at` is when it became final.
    """

    month: str
    rule_book_version: int
    frozen_at: datetime | None
    units: list[StatementUnit]


class CaseEntry(BaseModel):
    """One entry of a case's ledger as it was booked; `reverses` names the entry it takes back.

    `month` is the statement it is booked in, `frozen_month` the one it belongs to, where that was frozen.
    """

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
    frozen_month: str | None


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


class FrozenMonthModel(BaseModel):
    """A month whose statement is final."""

    month: str
    frozen_at: datetime
    frozen_by: UUID


class PoolNew(BaseModel):
    """A unit's monthly performance pool from a month on, in fen; null: from then on no cap."""

    model_config = ConfigDict(extra="forbid")

    unit: str = Field(max_length=50)
    from_month: str = Field(max_length=20)
    amount_fen: int | None = Field(strict=True, ge=0, lt=10**13)


class PoolModel(BaseModel):
    """A pool as it was entered; `unit` is the unit's name, `cap_fen` what its months stop at."""

    unit: str
    unit_code: str
    from_month: str
    amount_fen: int | None
    cap_fen: int | None
    entered_at: datetime
    entered_by: UUID
