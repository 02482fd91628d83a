"""The task feed of each unit: which case changed, in commit order."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from services.dispatch.tables.base import Base, table_of

__all__ = ["FEED_COUNTERS", "FEED_ENTRIES", "FeedCounterRow", "FeedEntryRow"]


class FeedCounterRow(Base, table=True):
    """The last position given in a unit's feed; locked until the transaction that took it ends."""

    __tablename__ = "feed_counters"

    unit: str = Field(primary_key=True, sa_type=sa.Text)
    last_position: int = Field(sa_type=sa.BigInteger)


class FeedEntryRow(Base, table=True):
    """One change of one case in a unit's feed."""

    __tablename__ = "feed_entries"

    unit: str = Field(primary_key=True, sa_type=sa.Text)
    position: int = Field(primary_key=True, sa_type=sa.BigInteger)
    complaint_id: UUID
    at: datetime = Field(
        sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()}
    )


FEED_COUNTERS = table_of(FeedCounterRow)
FEED_ENTRIES = table_of(FeedEntryRow)
