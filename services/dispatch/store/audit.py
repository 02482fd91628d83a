"""The audit trail: who did what, when. Entries are only ever added; they hold no personal content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.tables.cases import AUDIT_ENTRIES
from shared.rows import Columns, Insertion, insert_all

__all__ = ["AuditEntry", "add_entries", "list_entries", "new_entries"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `actor` is a person's id or `system`; `subject` the key of what was acted on."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


_ENTRIES = Columns(AUDIT_ENTRIES, tuple(field.name for field in fields(AuditEntry)))


async def add_entries(session: AsyncSession, entries: Sequence[AuditEntry]) -> None:
    """Add entries in their order."""
    await insert_all(session, new_entries(entries))


def new_entries(entries: Sequence[AuditEntry]) -> Insertion:
    """Entries to be added, in their order."""
    return Insertion(_ENTRIES, entries)


async def list_entries(session: AsyncSession, subject: str) -> list[AuditEntry]:
    """Return what was done to one subject, in the order it was done."""
    columns = AUDIT_ENTRIES.c
    rows = await session.execute(
        sa.select(columns.at, columns.actor, columns.action, columns.subject, columns.detail)
        .where(columns.subject == subject)
        .order_by(columns.id)
    )
    return [AuditEntry(**row) for row in rows.mappings()]
