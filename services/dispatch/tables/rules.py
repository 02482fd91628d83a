"""What dispatch decides by: routing rules and the company calendar, by version."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.dispatch.tables.base import Base, table_of

__all__ = ["CALENDARS", "ROUTING_RULES", "CalendarRow", "RoutingRuleRow"]


class RoutingRuleRow(Base, table=True):
    """One routing rule; the highest version of the set is the one in use.

    A rule names a unit (and a category of the rule book), or an urgency.
    """

    __tablename__ = "routing_rules"

    version: int = Field(primary_key=True)
    code: str = Field(primary_key=True, sa_type=sa.Text)
    unit: str | None = Field(default=None, sa_type=sa.Text)
    category: str | None = Field(default=None, sa_type=sa.Text)
    urgency: str | None = Field(default=None, sa_type=sa.Text)
    keywords: dict[str, Any] = Field(sa_type=JSONB)


class CalendarRow(Base, table=True):
    """A version of the company calendar: hours, holidays, make-up workdays."""

    __tablename__ = "calendars"

    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSONB)


ROUTING_RULES = table_of(RoutingRuleRow)
CALENDARS = table_of(CalendarRow)
