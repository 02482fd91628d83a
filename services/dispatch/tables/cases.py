"""Cases and what hangs on them: content, clocks, answers, the audit trail."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.dispatch.tables.base import Base, table_of

__all__ = [
    "ANSWERS",
    "AUDIT_ENTRIES",
    "CASES",
    "COMPLAINT_CONTENTS",
    "DEADLINES",
    "IMPORTED_ANSWERS",
    "AnswerRow",
    "AuditEntryRow",
    "CaseRow",
    "ComplaintContentRow",
    "DeadlineRow",
    "ImportedAnswerRow",
]

INSTANT = sa.DateTime(timezone=True)


class CaseRow(Base, table=True):
    """One complaint as its unit works on it, with the numbers of the events told about it.

    `open` says that somebody still owes something; `next_clock` and `next_due_at` name the clock that runs
    out first, None where none runs.
    """

    __tablename__ = "cases"
    __table_args__ = (
        sa.Index(
            "ix_cases_open",
            "unit",
            "state",
            "next_due_at",
            "complaint_id",
            postgresql_where=sa.text("open"),
        ),
        sa.Index(
            "ix_cases_done",
            "unit",
            "registered_at",
            "complaint_id",
            postgresql_where=sa.text("NOT open"),
        ),
        sa.Index("ix_cases_number", "number"),
    )

    complaint_id: UUID = Field(primary_key=True)
    number: str = Field(sa_type=sa.Text)
    channel: str = Field(sa_type=sa.Text)
    source: str | None = Field(default=None, sa_type=sa.Text)
    external_id: str | None = Field(default=None, sa_type=sa.Text)
    origin: str = Field(sa_type=sa.Text)
    unit: str = Field(sa_type=sa.Text)
    category: str | None = Field(default=None, sa_type=sa.Text)
    urgency: str = Field(sa_type=sa.Text)
    reason: str = Field(sa_type=sa.Text)
    fallback: bool
    matched: list[str] = Field(sa_type=JSONB)
    standard: str = Field(sa_type=sa.Text)
    rule_book_version: int
    calendar_version: int
    state: str = Field(sa_type=sa.Text)
    open: bool
    registered_at: datetime = Field(sa_type=INSTANT)
    assigned_at: datetime = Field(sa_type=INSTANT)
    accepted_at: datetime | None = Field(default=None, sa_type=INSTANT)
    arrived_at: datetime | None = Field(default=None, sa_type=INSTANT)
    completed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)
    next_clock: str | None = Field(default=None, sa_type=sa.Text)
    next_due_at: datetime | None = Field(default=None, sa_type=INSTANT)
    event_seq: int = Field(sa_type=sa.BigInteger)
    answer_version: int


class ComplaintContentRow(Base, table=True):
    """What was said, where and by whom: the newest version that was read."""

    __tablename__ = "complaint_contents"

    complaint_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=sa.BigInteger)
    subject: str = Field(sa_type=sa.Text)
    text: str = Field(sa_type=sa.Text)
    location: str = Field(sa_type=sa.Text)
    complainant_name: str = Field(sa_type=sa.Text)
    complainant_phone: str = Field(sa_type=sa.Text)


class DeadlineRow(Base, table=True):
    """One clock of a case, computed once; level 0 is the clock itself.

    Levels 1, 2 ... of a completion are the further workdays of a case that stays overdue. `recorded` is
    False for a clock of imported history whose event the source does not record; `live` is False for all
    of imported history, which no scheduler looks at. `epoch` is the scheduler's term that fired it.
    """

    __tablename__ = "deadlines"
    __table_args__ = (
        sa.Index(
            "ix_deadlines_due_at",
            "due_at",
            postgresql_where=sa.text("live AND fired_at IS NULL AND met_at IS NULL"),
        ),
    )

    deadline_id: UUID
    complaint_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True, sa_type=sa.Text)
    level: int = Field(primary_key=True)
    basis: str = Field(sa_type=sa.Text)
    budget_minutes: int
    due_at: datetime = Field(sa_type=INSTANT)
    at_close: bool
    standard: str = Field(sa_type=sa.Text)
    rule_book_version: int
    calendar_version: int
    live: bool
    recorded: bool
    fired_at: datetime | None = Field(default=None, sa_type=INSTANT)
    met_at: datetime | None = Field(default=None, sa_type=INSTANT)
    epoch: int | None = Field(default=None, sa_type=sa.BigInteger)


class AnswerRow(Base, table=True):
    """An answer as the complainant reads it."""

    __tablename__ = "answers"
    __table_args__ = (sa.Index("ix_answers_complaint_id", "complaint_id"),)

    answer_id: UUID = Field(primary_key=True)
    complaint_id: UUID = Field(foreign_key="cases.complaint_id")
    version: int
    text: str = Field(sa_type=sa.Text)
    answered_at: datetime = Field(sa_type=INSTANT)
    answered_by: str | None = Field(default=None, sa_type=sa.Text)


class ImportedAnswerRow(Base, table=True):
    """Where a complaint of another system and its recorded answer meet, whichever comes first.

    `complaint_id` is None until the complaint is here, `text` and `answered_at` until the answer is.
    """

    __tablename__ = "imported_answers"
    __table_args__ = (
        sa.Index(
            "ix_imported_answers_state", "state", "received_at", postgresql_where=sa.text("text IS NOT NULL")
        ),
    )

    source: str = Field(primary_key=True, sa_type=sa.Text)
    external_id: str = Field(primary_key=True, sa_type=sa.Text)
    complaint_id: UUID | None = Field(default=None)
    text: str | None = Field(default=None, sa_type=sa.Text)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)
    received_at: datetime | None = Field(default=None, sa_type=INSTANT)
    received_from: str | None = Field(default=None, sa_type=sa.Text)
    state: str = Field(sa_type=sa.Text)
    reason: str | None = Field(default=None, sa_type=sa.Text)


class AuditEntryRow(Base, table=True):
    """Who did what, when; rows are only ever added. `actor` is a person's id, or `system`."""

    __tablename__ = "audit_entries"
    __table_args__ = (sa.Index("ix_audit_entries_subject_id", "subject", "id"),)

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    )
    at: datetime = Field(sa_type=INSTANT)
    actor: str = Field(sa_type=sa.Text)
    action: str = Field(sa_type=sa.Text)
    subject: str = Field(sa_type=sa.Text)
    detail: dict[str, Any] = Field(sa_type=JSONB)


CASES = table_of(CaseRow)
COMPLAINT_CONTENTS = table_of(ComplaintContentRow)
DEADLINES = table_of(DeadlineRow)
ANSWERS = table_of(AnswerRow)
IMPORTED_ANSWERS = table_of(ImportedAnswerRow)
AUDIT_ENTRIES = table_of(AuditEntryRow)
