"""Tables of assessment: cases as scored, stored inputs of the scoring, and the append-only ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from shared.database import NAMING

__all__ = [
    "Base",
    "CaseRow",
    "EvidenceRow",
    "FrozenMonthRow",
    "LedgerRow",
    "MissRow",
    "OverdueWorkdayRow",
    "PoolRow",
    "UnitMonthRow",
]

INSTANT = sa.DateTime(timezone=True)


class Base(SQLModel):
    """Base of every row class of this service."""

    metadata = sa.MetaData(naming_convention=NAMING)


class CaseRow(Base, table=True):
    """A complaint as far as its assessment must know it; `event_seq` numbers what was told of it."""

    __tablename__ = "cases"

    complaint_id: UUID = Field(primary_key=True)
    number: str
    origin: str
    registered_at: datetime = Field(sa_type=INSTANT)
    category: str | None = None
    urgency: str | None = None
    unit: str | None = None
    fallback_unit: str | None = None
    taken: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    assigned_at: datetime | None = Field(default=None, sa_type=INSTANT)
    accepted_at: datetime | None = Field(default=None, sa_type=INSTANT)
    arrived_at: datetime | None = Field(default=None, sa_type=INSTANT)
    completed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)
    event_seq: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})


class MissRow(Base, table=True):
    """A clock that ran out, as dispatch reported it: an input of the scoring, never changed."""

    __tablename__ = "misses"
    __table_args__ = (
        sa.Index("ix_misses_unit_kind_place", "unit", "kind", "occurred_at", "complaint_id", "deadline_id"),
    )

    deadline_id: UUID = Field(primary_key=True)
    event_id: UUID
    complaint_id: UUID = Field(index=True)
    unit: str
    urgency: str
    kind: str
    basis: str
    budget_minutes: int
    elapsed_minutes: int
    registered_at: datetime = Field(sa_type=INSTANT)
    due_at: datetime = Field(sa_type=INSTANT)
    occurred_at: datetime = Field(sa_type=INSTANT)
    stopped_at: datetime | None = Field(default=None, sa_type=INSTANT)
    standard: str
    rule_book_version: int
    calendar_version: int


class OverdueWorkdayRow(Base, table=True):
    """A further workday of a late completion, as dispatch reported it."""

    __tablename__ = "overdue_workdays"

    deadline_id: UUID = Field(primary_key=True)
    workday: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    event_id: UUID
    complaint_id: UUID = Field(index=True)
    unit: str
    due_at: datetime = Field(sa_type=INSTANT)
    occurred_at: datetime = Field(sa_type=INSTANT)


class EvidenceRow(Base, table=True):
    """An event that a ledger entry may name, whole."""

    __tablename__ = "evidence_events"

    event_id: UUID = Field(primary_key=True)
    complaint_id: UUID = Field(index=True)
    type: str
    occurred_at: datetime = Field(sa_type=INSTANT)
    body: dict[str, Any] = Field(sa_type=JSONB)


class LedgerRow(Base, table=True):
    """One entry; a deduction is negative. Rows are only ever added (a trigger refuses anything else).

    `round` counts the entries of one key: a key is booked again only after its last entry was reversed.
    `complaint_id` is NULL for what concerns a unit's month as a whole. `frozen_month` is the month the entry
    belongs to, where that was frozen and it is booked in `month` instead: a trigger refuses rows of frozen
    months.
    """

    __tablename__ = "ledger"
    __table_args__ = (
        sa.Index("ix_ledger_month_unit", "month", "unit", postgresql_include=["amount_fen"]),
        sa.Index(
            "ix_ledger_statement", "month", "unit", "occurred_at", "complaint_id", "clause", "occurrence"
        ),
        sa.Index(
            "uq_ledger_key_round",
            "complaint_id",
            "clause",
            "occurrence",
            "round",
            unique=True,
            postgresql_where=sa.text("reverses IS NULL"),
        ),
        sa.Index(
            "uq_ledger_unit_month_round",
            "clause",
            "occurrence",
            "round",
            unique=True,
            postgresql_where=sa.text("complaint_id IS NULL AND reverses IS NULL"),
        ),
        sa.Index("ix_ledger_unit_month", "month", "unit", postgresql_where=sa.text("complaint_id IS NULL")),
    )

    entry_id: UUID = Field(primary_key=True)
    complaint_id: UUID | None = None
    unit: str
    clause: str
    occurrence: str
    round: int
    amount_fen: int = Field(sa_type=sa.BigInteger)
    month: str
    frozen_month: str | None = None
    occurred_at: datetime = Field(sa_type=INSTANT)
    rule_book_version: int
    evidence: list[UUID] = Field(sa_type=ARRAY(sa.Uuid))
    explanation: str
    reverses: UUID | None = Field(default=None, unique=True, foreign_key="ledger.entry_id")
    posted_at: datetime = Field(sa_type=INSTANT, sa_column_kwargs={"server_default": sa.func.now()})


class FrozenMonthRow(Base, table=True):
    """A month whose statement is final: no entry is booked in it any more."""

    __tablename__ = "frozen_months"

    month: str = Field(primary_key=True)
    frozen_at: datetime = Field(
        sa_type=INSTANT, sa_column_kwargs={"server_default": sa.func.clock_timestamp()}
    )
    frozen_by: UUID


class PoolRow(Base, table=True):
    """What a unit's monthly performance pool is from a month on, as somebody entered it; never changed.

    Of two from the same month the later one holds. No amount: from then on the unit's months have no cap.
    """

    __tablename__ = "pools"

    unit: str = Field(primary_key=True)
    from_month: str = Field(primary_key=True)
    entered_at: datetime = Field(
        primary_key=True, sa_type=INSTANT, sa_column_kwargs={"server_default": sa.func.clock_timestamp()}
    )
    entered_by: UUID
    amount_fen: int | None = Field(default=None, sa_type=sa.BigInteger)


class UnitMonthRow(Base, table=True):
    """A unit's month that has a cap: locked while the cap is worked out, and the counter of its events."""

    __tablename__ = "unit_months"

    unit: str = Field(primary_key=True)
    month: str = Field(primary_key=True)
    event_seq: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
