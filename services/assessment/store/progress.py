"""How far the cases of imported history have come here."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.assessment.tables import CaseRow
from shared.contracts.envelope import Origin

__all__ = ["count_history"]


async def count_history(session: AsyncSession) -> tuple[int, int]:
    """Return how many imported cases are assigned, and how many are answered and scored."""
    row = (
        await session.execute(
            sa.select(sa.func.count(col(CaseRow.assigned_at)), sa.func.count(col(CaseRow.answered_at))).where(
                col(CaseRow.origin) == Origin.HISTORY.value
            )
        )
    ).one()
    return int(row[0]), int(row[1])
