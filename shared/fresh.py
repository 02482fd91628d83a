"""What a service keeps at hand of its database, read again once a second at most."""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Sessions, run_unit

__all__ = ["Fresh"]

_FRESH_SECONDS = 1.0
T = TypeVar("T")


class Fresh(Generic[T]):
    """Keeps what `read` returns, which is never None; who reads it anew holds up nobody else."""

    def __init__(self, sessions: Sessions, read: Callable[[AsyncSession], Awaitable[T]]) -> None:
        self._sessions = sessions
        self._read = read
        self._value: T | None = None
        self._read_at = 0.0

    async def get(self) -> T:
        """Return what was read a second ago at most, or a little longer while somebody reads it anew."""
        before, now = self._read_at, time.monotonic()
        if self._value is None or now - before >= _FRESH_SECONDS:
            self._read_at = now
            try:
                self._value = await run_unit(self._sessions, self._read)
            except BaseException:
                self._read_at = before
                raise
        return self._value
