"""Connections and the one transaction: per request, or per batch of messages.

Nothing below the edge commits. A unit of work is never cancelled in the middle: it runs in its own task,
shielded, and the database's own timeouts bound it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import MetaData, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

__all__ = [
    "DRIVER_ERRORS",
    "NAMING",
    "Fetcher",
    "SessionDep",
    "SessionFetcher",
    "Sessions",
    "async_url",
    "create_engine",
    "create_sessions",
    "delivery_metadata",
    "describe",
    "fetch",
    "is_passing_failure",
    "is_unfit_text",
    "run_unit",
    "sqlstate",
    "transaction",
]

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises: the server's word, a connection that is gone, one that was cut off in between."""

Sessions = async_sessionmaker[AsyncSession]
T = TypeVar("T")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints, so that migrations can name them too."""

delivery_metadata = MetaData(naming_convention=NAMING)
"""The tables of the delivery layer; each service's migrations create them in its own database."""

_SERVER_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "30000",
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "60000",
    "idle_session_timeout": "300000",  # what a busy hour opened does not stay: 5 to 10 MB of the server each
    "jit": "off",
}
_PASSING_UNLESS = ("21", "22", "23", "42", "54", "P0")
"""What no waiting cures: one row twice, data, integrity, syntax, limits, what our triggers refuse."""
_UNFIT_TEXT = frozenset({"22021", "22P05"})
"""What the server says of a NUL: in text, and in JSON."""


def async_url(url: str) -> str:
    """The same database address for SQLAlchemy's asyncpg dialect."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine for `url`; it opens no connection before its first use."""
    engine = create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_recycle=1800,
        pool_use_lifo=True,  # the connection used last has its plans and caches warm
        hide_parameters=True,  # an error is logged and kept with dead letters: no content in it
        connect_args={"server_settings": _SERVER_SETTINGS, "timeout": 5},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection whose server is gone: the socket tells, no round trip is needed."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Return the session factory of `engine`."""
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """One transaction: committed at the end of the block, rolled back if it raises."""
    async with sessions() as session, session.begin():
        yield session


async def run_unit(sessions: Sessions, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Run `work` in one transaction in a task of its own, which a cancelled caller does not cancel.

    A connection given back in the middle of a statement may carry a hidden open transaction; so the unit
    always runs to its end, and only then does the cancellation reach the caller.
    """

    async def unit() -> T:
        async with transaction(sessions) as session:
            return await work(session)

    task = asyncio.create_task(unit())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def fetch(session: AsyncSession, statement: str, *values: Any) -> Sequence[Any]:
    """Run a statement with `$1`, `$2` ... in the session's transaction; return its rows, to be unpacked.

    For statements of the hot paths: they go straight to the driver, at a third of what a statement costs by
    way of the session. Errors are the driver's own.
    """
    driver: Any = session.info.get("driver")
    if driver is None or not driver.is_in_transaction():
        driver = session.info["driver"] = await _begun(session)
    rows: Sequence[Any] = await driver.fetch(statement, *values)
    return rows


async def _begun(session: AsyncSession) -> Any:
    """The driver's connection, in the session's transaction, which the dialect begins only when it must."""
    connection = await session.connection()
    proxied: Any = connection.sync_connection.connection  # type: ignore[union-attr]
    driver = proxied.driver_connection
    if not driver.is_in_transaction():
        try:
            await proxied.dbapi_connection._start_transaction()  # noqa: SLF001 - what its cursors begin with
        except connection.dialect.loaded_dbapi.Error as error:
            raise (error.__cause__ or error) from error
    return driver


class Fetcher(Protocol):
    """What runs a statement: a driver's connection, or a session in its clothes."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """Run `query` with `$1`, `$2` ... and return its rows."""
        ...


@dataclass(frozen=True, slots=True)
class SessionFetcher:
    """A session as what runs a statement."""

    session: AsyncSession

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """Run `query` in the session's transaction."""
        return await fetch(self.session, query, *args)


def sqlstate(error: BaseException) -> str | None:
    """SQLSTATE of a database error, None where it has none (a lost connection)."""
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return str(state) if state else None


def describe(error: BaseException) -> str:
    """Say what went wrong without what a row holds, which a database's message may quote."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(describe(one) for one in error.exceptions)
    state = sqlstate(error)
    if state is None:
        return f"{type(error).__name__}: {error}"
    original = getattr(error, "orig", error)
    driver = original.__cause__ or original
    named = (getattr(driver, name, None) for name in ("table_name", "column_name", "constraint_name"))
    return f"{type(driver).__name__}: {' '.join(filter(None, (state, *named)))}"


def is_passing_failure(error: BaseException) -> bool:
    """Whether waiting may cure this error: a database that is away, read-only, full, locked or deadlocked."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_passing_failure(one) for one in error.exceptions)
    if isinstance(error, (DBAPIError, *DRIVER_ERRORS)):
        state = sqlstate(error)
        return state is None or not state.startswith(_PASSING_UNLESS)
    return isinstance(error, OSError | TimeoutError | PoolTimeoutError)


def is_unfit_text(error: BaseException) -> bool:
    """Whether the cause of this error is text that cannot be kept: a NUL, or half of a surrogate pair."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnicodeEncodeError) and cause.encoding == "utf-8":
            return True
        if sqlstate(cause) in _UNFIT_TEXT:
            return True
        cause = cause.__cause__
    return False


async def _session_of_request(request: Request) -> AsyncIterator[AsyncSession]:
    sessions: Sessions = request.app.state.sessions
    async with transaction(sessions) as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(_session_of_request, scope="function")]
"""The transaction of a request: committed before the response leaves, or the request fails."""
