"""The task feed of each unit: positions are given in commit order."""

from collections.abc import Sequence
from uuid import UUID

from shared.rows import Closing

__all__ = ["recorded"]

_POSITIONS = """
    change AS (
        SELECT unit, complaint_id, row_number() OVER (PARTITION BY unit ORDER BY ord) AS number
        FROM unnest($1::text[], $2::uuid[])
             WITH ORDINALITY AS given (unit, complaint_id, ord)
    ), counter AS (
        INSERT INTO feed_counters AS kept (unit, last_position)
        SELECT unit, count(*) FROM change GROUP BY unit ORDER BY unit
        ON CONFLICT (unit) DO UPDATE SET last_position = kept.last_position + excluded.last_position
        RETURNING unit, last_position
    )
"""
_ENTRIES = """
    INSERT INTO feed_entries (unit, position, complaint_id)
    SELECT unit, last_position - count(*) OVER (PARTITION BY unit) + number, complaint_id
    FROM change JOIN counter USING (unit)
"""


def recorded(changes: Sequence[tuple[str, UUID]]) -> Closing | None:
    """What notes in each unit's feed that these cases changed: (unit, complaint id), a repeated one once.

    To close the last statement of a transaction: a unit's counter row stays locked until the commit, so that
    positions become visible in their order, and units are locked in the order of their codes.
    """
    wanted = list(dict.fromkeys(changes))
    if not wanted:
        return None
    units, complaints = [unit for unit, _ in wanted], [complaint_id for _, complaint_id in wanted]
    return Closing(_POSITIONS, _ENTRIES, (units, complaints))
