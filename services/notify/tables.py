"""The tables of notify, all on `Base.metadata`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from shared.database import NAMING

__all__ = ["AlertRow", "Base", "ChannelRow", "ComplaintRow", "DeliveryRow"]


class Base(SQLModel):
    """Base of every row class of this service."""

    metadata = sa.MetaData(naming_convention=NAMING)


class ComplaintRow(Base, table=True):
    """A complaint's number, and the counter of its events on `alert.events`."""

    __tablename__ = "complaints"

    complaint_id: UUID = Field(primary_key=True)
    number: str = Field(sa_type=sa.Text)
    alert_seq: int = Field(
        default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": sa.text("0")}
    )


class ChannelRow(Base, table=True):
    """Where a recipient is told. `url` is a secret, wiped on removal; `address` is what people may see.

    Nothing is sent through it before `free_at`: one delivery at a time, and robots at their own pace.
    """

    __tablename__ = "channels"

    channel_id: UUID = Field(primary_key=True)
    recipient: str = Field(sa_type=sa.Text, index=True)
    name: str = Field(sa_type=sa.Text)
    url: str | None = Field(default=None, sa_type=sa.Text)
    address: str = Field(sa_type=sa.Text)
    occasions: list[str] = Field(sa_type=ARRAY(sa.Text))
    free_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    created_by: UUID
    removed_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    removed_by: UUID | None = None


class AlertRow(Base, table=True):
    """What one recipient must be told, whether or not there is a channel to tell it through."""

    __tablename__ = "alerts"
    __table_args__ = (
        sa.UniqueConstraint("complaint_id", "occasion", "subject", "recipient"),
        sa.Index("ix_alerts_recipient_position", "recipient", "position"),
    )

    alert_id: UUID = Field(primary_key=True)
    position: int = Field(sa_type=sa.BigInteger, sa_column_args=[sa.Identity(always=True)], unique=True)
    complaint_id: UUID = Field(foreign_key="complaints.complaint_id")
    occasion: str = Field(sa_type=sa.Text)
    subject: str = Field(sa_type=sa.Text)
    recipient: str = Field(sa_type=sa.Text)
    unit: str = Field(sa_type=sa.Text)
    urgency: str | None = Field(default=None, sa_type=sa.Text)
    clocks: list[dict[str, Any]] = Field(sa_type=JSONB)
    event_id: UUID
    occurred_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class DeliveryRow(Base, table=True):
    """An alert through one channel.

    `next_at` is when it must be looked at again: an attempt that is due, or the end of the lease of one under
    way; None when it is over.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.Index(
            "ix_deliveries_due", "channel_id", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")
        ),
        sa.Index("ix_deliveries_troubled", "state", postgresql_where=sa.text("state <> 'sent'")),
    )

    delivery_id: UUID = Field(primary_key=True)
    alert_id: UUID = Field(foreign_key="alerts.alert_id", index=True)
    channel_id: UUID = Field(foreign_key="channels.channel_id")
    dedupe_key: str = Field(sa_type=sa.Text, unique=True)
    state: str = Field(sa_type=sa.Text)
    attempt: int = Field(default=0, sa_column_kwargs={"server_default": sa.text("0")})
    resent: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    reason: str | None = Field(default=None, sa_type=sa.Text)
    sender: str | None = Field(default=None, sa_type=sa.Text)
    next_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    settled_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
