"""What dispatch decides by: rule books and units as read, its own calendars and routing rules."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.tables.rules import CALENDARS, ROUTING_RULES
from shared.database import fetch

__all__ = ["add_calendar", "add_routing", "get_fingerprint", "list_calendars", "list_routing_rules"]

_FINGERPRINT = """
    SELECT
        (SELECT string_agg(key || '=' || version, ' ' ORDER BY key) FROM state_entries
         WHERE topic = 'rulebook.state') AS books,
        (SELECT string_agg(key || '=' || version, ' ' ORDER BY key) FROM state_entries
         WHERE topic = 'directory.state' AND key >= 'unit:' AND key < 'unit;') AS units,
        (SELECT max(version) FROM calendars) AS calendar,
        (SELECT max(version) FROM routing_rules) AS routing
"""


async def get_fingerprint(session: AsyncSession) -> tuple[object, ...]:
    """Return versions of rule books, units, calendar and routing rules; None for what is missing."""
    return tuple((await fetch(session, _FINGERPRINT))[0])


async def list_calendars(session: AsyncSession) -> list[Mapping[str, Any]]:
    """Return the bodies of all calendar versions, oldest first."""
    return list(await session.scalars(sa.select(CALENDARS.c.body).order_by(CALENDARS.c.version)))


async def list_routing_rules(session: AsyncSession) -> Mapping[str, Any]:
    """Return the newest version of the routing rules, as plain values."""
    newest = sa.select(sa.func.max(ROUTING_RULES.c.version)).scalar_subquery()
    rows = await session.execute(
        sa.select(ROUTING_RULES).where(ROUTING_RULES.c.version == newest).order_by(ROUTING_RULES.c.code)
    )
    rules = [dict(row) for row in rows.mappings()]
    return {"version": rules[0]["version"] if rules else 0, "rules": rules}


async def add_calendar(session: AsyncSession, version: int, body: Mapping[str, Any]) -> None:
    """Keep a version of the calendar; one that is here already is never changed."""
    await session.execute(insert(CALENDARS).values(version=version, body=body).on_conflict_do_nothing())


async def add_routing(session: AsyncSession, version: int, rules: list[Mapping[str, Any]]) -> None:
    """Keep a version of the routing rules; one that is here already is never changed."""
    known = await session.scalar(sa.select(sa.exists().where(ROUTING_RULES.c.version == version)))
    if known:
        return
    names = ("code", "unit", "category", "urgency", "keywords")
    rows = [{"version": version} | {name: rule.get(name) for name in names} for rule in rules]
    await session.execute(insert(ROUTING_RULES).values(rows).on_conflict_do_nothing())
