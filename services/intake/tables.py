"""The tables of intake."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from services.intake.domain.progress import State
from shared.database import NAMING

__all__ = [
    "SERIALS",
    "AnswerRow",
    "AuditEntryRow",
    "Base",
    "ComplaintRow",
    "ContentRow",
    "IdempotencyKeyRow",
]

INSTANT: Any = sa.DateTime(timezone=True)
TEXT: Any = sa.Text


class Base(SQLModel):
    """Base of intake's tables, on metadata of their own."""

    metadata = sa.MetaData(naming_convention=NAMING)


SERIALS = sa.Sequence("complaint_serials", metadata=Base.metadata)
"""Serials of complaint numbers; a number may be skipped, none comes twice."""


class ComplaintRow(Base, table=True):
    """A complaint without its personal content.

    `event_seq` numbers its events on `complaint.events`, `content_version` its content. `phone_tail` is what
    the complainant must know besides the number. `steps` holds, by state, what is known of each step on the
    way to an answer (`domain.progress.Step`).
    """

    __tablename__ = "complaints"
    __table_args__ = (
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("tracking_token"),
        sa.Index(
            "uq_complaints_source_external_id",
            "source",
            "external_id",
            unique=True,
            postgresql_where=sa.text("external_id IS NOT NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    number: str = Field(sa_type=TEXT)
    channel: str = Field(sa_type=TEXT)
    category: str | None = Field(default=None, sa_type=TEXT)
    urgency: str | None = Field(default=None, sa_type=TEXT)
    state: str = Field(default=State.REGISTERED, sa_type=TEXT)
    unit: str | None = Field(default=None, sa_type=TEXT)
    origin: str = Field(sa_type=TEXT)
    source: str | None = Field(default=None, sa_type=TEXT)
    external_id: str | None = Field(default=None, sa_type=TEXT)
    registered_at: datetime = Field(sa_type=INSTANT)
    event_seq: int = Field(sa_type=sa.BigInteger)
    content_version: int = Field(sa_type=sa.BigInteger)
    tracking_token: str = Field(sa_type=TEXT)
    phone_tail: str | None = Field(default=None, sa_type=TEXT)
    steps: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONB, sa_column_kwargs={"server_default": sa.text("'{}'")}
    )


class ContentRow(Base, table=True):
    """The personal content of a complaint."""

    __tablename__ = "contents"

    complaint_id: UUID = Field(primary_key=True)
    subject: str = Field(sa_type=TEXT)
    text: str = Field(sa_type=TEXT)
    location: str = Field(sa_type=TEXT)
    name: str = Field(sa_type=TEXT)
    phone: str = Field(sa_type=TEXT)


class AnswerRow(Base, table=True):
    """The newest answer to a complaint; kept also where it comes before anything else."""

    __tablename__ = "answers"

    complaint_id: UUID = Field(primary_key=True)
    answer_id: UUID
    text: str = Field(sa_type=TEXT)
    answered_at: datetime = Field(sa_type=INSTANT)


class IdempotencyKeyRow(Base, table=True):
    """What was answered to a registration that named a key: the same body gets the same bytes again."""

    __tablename__ = "idempotency_keys"

    key: str = Field(primary_key=True, sa_type=TEXT)
    body_hash: str = Field(sa_type=TEXT)
    complaint_id: UUID
    reply: str = Field(sa_type=TEXT)
    created_at: datetime = Field(sa_type=INSTANT)


class AuditEntryRow(Base, table=True):
    """Who did what to a complaint. Append-only: a trigger refuses any change. Holds no personal content."""

    __tablename__ = "audit_entries"
    __table_args__ = (sa.Index(None, "complaint_id"),)

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    )
    complaint_id: UUID
    at: datetime = Field(sa_type=INSTANT)
    actor: str = Field(sa_type=TEXT)
    action: str = Field(sa_type=TEXT)
    detail: dict[str, Any] = Field(sa_type=JSONB)
