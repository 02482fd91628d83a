"""The task feed of each unit: positions are given in commit order."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import fetch

__all__ = ["record_feed"]

_RECORD = """
    WITH change AS (
        SELECT unit, complaint_id, row_number() OVER (PARTITION BY unit ORDER BY ord) AS number
        FROM unnest($1::text[], $2::uuid[])
             WITH ORDINALITY AS given (unit, complaint_id, ord)
    ), counter AS (
        INSERT INTO feed_counters AS kept (unit, last_position)
        SELECT unit, count(*) FROM change GROUP BY unit ORDER BY unit
        ON CONFLICT (unit) DO UPDATE SET last_position = kept.last_position + excluded.last_position
        RETURNING unit, last_position
    )
    INSERT INTO feed_entries (unit, position, complaint_id)
    SELECT unit, last_position - count(*) OVER (PARTITION BY unit) + number, complaint_id
    FROM change JOIN counter USING (unit)
"""


async def record_feed(session: AsyncSession, changes: Sequence[tuple[str, UUID]]) -> None:
    """Note in each unit's feed that these cases changed: (unit, complaint id), a repeated one once.

    To be the last statement of a transaction: a unit's counter row stays locked until the commit, so that
    positions become visible in their order, and units are locked in the order of their codes.
    """
    wanted = list(dict.fromkeys(changes))
    if wanted:
        units, complaints = zip(*wanted, strict=True)
        await fetch(session, _RECORD, list(units), list(complaints))
