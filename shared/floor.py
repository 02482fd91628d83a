"""How far down the relay must look: below its floor there is no unpublished row, and none will come.

Theory of operation. A row that is marked leaves a dead entry in the index of unpublished rows until a vacuum
clears it; a look from the first id on reads all of these before it comes to a row. Remembering the last id
seen would lose rows, since ids are given out in one order and become visible in another. But whoever inserts
locks the table (RowExclusiveLock) before it takes an id, and holds the lock until its rows are visible or
gone. So the last id given out is noted, and then who holds that lock; once all of these transactions have
ended, no row up to that id is still to come, and the floor may rise to it, or to just below the first row
that is visible and unpublished.
"""

import time
from typing import Any

__all__ = ["Floor"]

_EVERY_SECONDS = 1.0

_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM outbox_id_seq"
_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_FIRST_UNPUBLISHED = "SELECT min(id) FROM outbox_unpublished WHERE id > $1"


class Floor:
    """The floor of one term of the relay; `id` is the highest id that need not be looked at any more."""

    def __init__(self) -> None:
        self.id = 0
        self._noted = 0
        self._writers: frozenset[str] = frozenset()
        self._looked_at = 0.0

    async def rise(self, connection: Any) -> None:
        """Let it rise if it may; does nothing if it was tried a moment ago."""
        now = time.monotonic()
        if now - self._looked_at >= _EVERY_SECONDS:
            self._looked_at = now
            await self.look(connection)

    async def look(self, connection: Any) -> None:
        """Let it rise if it may, by statements each of which sees what is committed when it begins."""
        if self._writers & await _writers(connection):
            return
        first = await connection.fetchval(_FIRST_UNPUBLISHED, self.id)
        self.id = self._noted if first is None else min(self._noted, first - 1)
        self._noted = await connection.fetchval(_LAST)
        self._writers = await _writers(connection)


async def _writers(connection: Any) -> frozenset[str]:
    """The transactions that may have taken ids of rows which are not visible yet."""
    return frozenset(name for (name,) in await connection.fetch(_WRITERS))
