"""Connections of the registering hot path: bare asyncpg, kept open between batches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from shared.database import DRIVER_ERRORS, Fetcher, sqlstate

__all__ = ["Connections", "is_about_data"]

_SETTINGS = {
    "application_name": "huiying-intake-register",
    "timezone": "UTC",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "60000",
    "jit": "off",
}
_DATA = ("22", "23")  # SQLSTATE classes


class Connections:
    """Gives each user a connection of its own, one that was used before where there is one."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._idle: list[Any] = []

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Fetcher]:
        """A connection on which each statement is a transaction. One that met an error is not kept."""
        connection = await self._take()
        try:
            yield connection
        except BaseException:
            connection.terminate()
            raise
        self._idle.append(connection)

    async def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            with suppress(OSError, TimeoutError, *DRIVER_ERRORS):
                await self._idle.pop().close(timeout=2)

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await asyncpg.connect(self._dsn, timeout=5, command_timeout=10, server_settings=_SETTINGS)


def is_about_data(error: BaseException) -> bool:
    """Whether the database refused what a row holds."""
    return isinstance(error, UnicodeError) or (sqlstate(error) or "").startswith(_DATA)
