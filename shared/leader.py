"""One leader among replicas, fenced.

The lock is a session-level advisory lock: it passes on the moment the holder's connection dies, while the
old holder may still believe it leads. So a new leader first raises the epoch in `leaders`, and each write of
a leader carries `fence(...)`: under an older epoch it changes no row. Needs a direct connection, not a
transaction pooler.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from zlib import crc32

import asyncpg
import sqlalchemy as sa

from shared.database import DRIVER_ERRORS, delivery_metadata

__all__ = ["Leadership", "LeadershipLostError", "fence", "lead", "leaders"]

leaders = sa.Table(
    "leaders",
    delivery_metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

_RETRY_SECONDS = 0.5
_ANSWER_SECONDS = 30.0
_GONE_SOON = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""A holder whose machine or network died says no goodbye: the server misses it within half a minute, where it
would wait two hours by itself, and the lock passes on."""


class LeadershipLostError(RuntimeError):
    """Somebody else leads by now, or the connection that held the lock is gone."""


class Leadership:
    """A term as leader: its epoch, and the connection whose life holds the lock."""

    def __init__(self, name: str, epoch: int, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.name = name
        self.epoch = epoch
        self.connection = connection

    def check(self) -> None:
        """LeadershipLostError if the connection that held the lock is gone."""
        if self.connection.is_closed():
            raise LeadershipLostError(self.name)


def fence(name: str, epoch: int) -> sa.ColumnElement[bool]:
    """Condition that holds only while `epoch` is the newest of leader `name`; locks the leader row.

    The row lock (FOR SHARE) makes a successor wait with raising the epoch until this write is committed.
    """
    newest = sa.select(leaders.c.epoch).where(leaders.c.name == name).with_for_update(read=True)
    return newest.scalar_subquery() == epoch


@asynccontextmanager
async def lead(dsn: str, name: str) -> AsyncIterator[Leadership]:
    """Wait until this process leads under `name`, then raise the epoch and yield the term.

    Connection errors are the caller's to retry.
    """
    settings = {"application_name": f"huiying-{name}", "timezone": "UTC", **_GONE_SOON}
    connection = await asyncpg.connect(
        dsn, timeout=5, command_timeout=_ANSWER_SECONDS, server_settings=settings
    )
    try:
        key = crc32(name.encode())
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):  # noqa: ASYNC110
            await asyncio.sleep(_RETRY_SECONDS)
        epoch = await connection.fetchval(
            """
            INSERT INTO leaders (name, epoch) VALUES ($1, 1)
            ON CONFLICT (name) DO UPDATE SET epoch = leaders.epoch + 1, taken_at = now()
            RETURNING epoch
            """,
            name,
        )
        yield Leadership(name, epoch, connection)
    finally:
        with suppress(OSError, TimeoutError, *DRIVER_ERRORS):
            await connection.close(timeout=2)
