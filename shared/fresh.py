"""What a service keeps at hand of its database, read again once a second at most."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Sessions, run_unit

__all__ = ["Fresh"]

_FRESH_SECONDS = 1.0
_OLD_SECONDS = 3.0
T = TypeVar("T")


class Fresh(Generic[T]):
    """Keeps what `read` returns, which is never None; while it is read anew, nobody waits who need not."""

    def __init__(self, sessions: Sessions, read: Callable[[AsyncSession], Awaitable[T]]) -> None:
        self._sessions = sessions
        self._read = read
        self._value: T | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return what was read a second ago at most, or three while it is being read anew.

        All who ask meanwhile share one reading, and its failure.
        """
        age = time.monotonic() - self._read_at
        if self._value is not None and age < _FRESH_SECONDS:
            return self._value
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_anew())
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        elif self._value is not None and age < _OLD_SECONDS:
            return self._value
        return await asyncio.shield(self._reading)

    async def _read_anew(self) -> T:
        begun = time.monotonic()
        try:
            self._value = await run_unit(self._sessions, self._read)
            self._read_at = begun
            return self._value
        finally:
            self._reading = None
