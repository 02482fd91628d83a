"""The live feed: one hub per process that wakes at commit and gives every watcher the same bytes.

Theory of operation. A feed is a list of changes per unit whose positions are given in commit order, so "all
behind position N" never skips one. A watcher first reads from the database what it has missed, then follows
the *channel* of its view: a short log of encoded events that all watchers of equal views share. An event is
encoded once per view, whatever the number of watchers; a watcher is only a place in that log. One that falls
out of it is dropped and resumes with Last-Event-ID. Joining comes before reading what was missed: a change
is in the database, in the channel or in both, and in both it is told by its position.
"""

import asyncio
import signal
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.store.feed_reading import Change, get_positions, list_changes
from shared.database import Fetcher, SessionFetcher, Sessions, run_unit

if TYPE_CHECKING:
    from shared.runtime import Runtime

__all__ = ["Frame", "Hub", "View", "Watcher"]

_CHANNEL = "feed"
_POLL_SECONDS = 1.0
_CHECK_SECONDS = 3.0
_QUIET_SECONDS = 12.0
_BATCH = 500
_PATIENCE_SECONDS = 30.0
_SETTINGS = {"application_name": "huiying-dispatch-feed", "timezone": "UTC", "jit": "off"}
_KEPT_FRAMES = 1000

Alive = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded event, and the position in a unit's feed that is reached with it; no unit: a heartbeat."""

    unit: str
    position: int
    data: bytes


_HEARTBEAT = Frame("", 0, b": \n\n")


class View(Protocol):
    """What a watcher wants to see. Hashable: equal views share their encoded events."""

    @property
    def units(self) -> tuple[str, ...]:
        """The units whose feeds it follows."""
        ...

    async def frames(
        self, sessions: Sessions, changes: Sequence[Change], after: Mapping[str, int]
    ) -> list[Frame]:
        """Encode the changes behind the positions `after`, given in their order."""
        ...


class _Channel:
    """The shared log of a view; `first` is the number of the oldest frame kept."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.frames: deque[Frame] = deque()
        self.first = 0
        self.watchers: set[Watcher] = set()
        self.spoke_at = time.monotonic()

    @property
    def end(self) -> int:
        return self.first + len(self.frames)

    def append(self, frames: Sequence[Frame]) -> None:
        self.frames.extend(frames)
        self.spoke_at = time.monotonic()
        while len(self.frames) > _KEPT_FRAMES:
            self.frames.popleft()
            self.first += 1
        for watcher in self.watchers:
            watcher.wake()


class Watcher:
    """One open stream. `alive` answers whether the session `token_id` still holds."""

    def __init__(
        self, channel: _Channel, sessions: Sessions, cursor: dict[str, int], token_id: str, alive: Alive
    ) -> None:
        self.token_id = token_id
        self.alive = alive
        self._channel = channel
        self._sessions = sessions
        self._cursor = cursor
        self._next = channel.end
        self._over = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for new frames."""
        self._woken.set()

    def end(self) -> None:
        """End the stream after what it has."""
        self._over = True
        self._woken.set()

    async def events(self) -> AsyncGenerator[bytes]:
        """Encoded events, what was missed first; ends when the watcher is ended or fell too far behind."""
        yield _HEARTBEAT.data
        async for data in self._missed():
            yield data
        while not self._over:
            self._woken.clear()
            data = self._take()
            if data:
                yield data
            elif not self._over:
                await self._woken.wait()

    async def _missed(self) -> AsyncGenerator[bytes]:
        async def read(session: AsyncSession) -> Sequence[Change]:
            return await list_changes(SessionFetcher(session), self._cursor, _BATCH)

        number = _BATCH
        while number >= _BATCH and not self._over:
            changes = await run_unit(self._sessions, read)
            frames = await self._channel.view.frames(self._sessions, changes, self._cursor)
            number = len(changes)
            yield b"".join(self._new(frames))

    def _take(self) -> bytes:
        channel = self._channel
        if self._next < channel.first:
            self._over = True
            return b""
        fresh = [channel.frames[number - channel.first] for number in range(self._next, channel.end)]
        self._next = channel.end
        return b"".join(self._new(fresh))

    def _new(self, frames: Sequence[Frame]) -> Iterator[bytes]:
        for frame in frames:
            if frame is _HEARTBEAT:
                yield frame.data
            elif frame.position > self._cursor[frame.unit]:
                self._cursor[frame.unit] = frame.position
                yield frame.data


class Hub:
    """All watchers of this process. `run` and `attend` are to be started once each."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._channels: dict[View, _Channel] = {}
        self._heads: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._closing = False

    @asynccontextmanager
    async def watching(
        self,
        sessions: Sessions,
        view: View,
        after: Mapping[str, int] | None,
        *,
        token_id: str,
        alive: Alive,
    ) -> AsyncIterator[Watcher]:
        """Follow a view from behind the positions `after`, or from now on, for the length of the block."""
        positions = await run_unit(sessions, lambda session: get_positions(session, view.units))
        cursor = {unit: min((after or positions).get(unit, 0), last) for unit, last in positions.items()}
        for unit, last in positions.items():
            self._heads.setdefault(unit, last)
        channel = self._channels.setdefault(view, _Channel(view))
        watcher = Watcher(channel, sessions, cursor, token_id, alive)
        channel.watchers.add(watcher)
        if self._closing:
            watcher.end()
        try:
            yield watcher
        finally:
            channel.watchers.discard(watcher)
            self._forget_unwatched()

    def close(self) -> None:
        """End every stream, so that the server can stop; watchers resume at another replica."""
        self._closing = True
        for watcher in self._watchers():
            watcher.end()

    async def run(self, runtime: "Runtime") -> None:
        """Hand every committed change to those who watch, until cancelled; ends if the connection is lost."""
        connection = await asyncpg.connect(
            self._dsn, timeout=5, command_timeout=_PATIENCE_SECONDS, server_settings=_SETTINGS
        )
        try:
            await connection.add_listener(_CHANNEL, lambda *_: self._wake.set())
            with _on_stop_signal(self.close):
                while not connection.is_closed():
                    self._wake.clear()
                    while await self._advance(connection, runtime.sessions):
                        pass
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
        finally:
            connection.terminate()

    async def attend(self, _runtime: "Runtime") -> None:
        """End the streams of sessions that are over, and keep quiet ones open, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            by_session: dict[str, list[Watcher]] = {}
            for watcher in self._watchers():
                by_session.setdefault(watcher.token_id, []).append(watcher)
            for watchers in by_session.values():
                if not await watchers[0].alive():
                    for watcher in watchers:
                        watcher.end()
            for channel in tuple(self._channels.values()):
                if time.monotonic() - channel.spoke_at > _QUIET_SECONDS:
                    channel.append([_HEARTBEAT])

    async def _advance(self, fetcher: Fetcher, sessions: Sessions) -> bool:
        """Encode and hand on what is new; whether there may be more already."""
        if not self._heads:
            return False
        asked = dict(self._heads)
        changes = await list_changes(fetcher, asked, _BATCH)
        after = self._heads | asked  # whoever joins from here on reads these changes from the database
        encoded = []
        for channel in tuple(self._channels.values()):
            own = [change for change in changes if change.unit in channel.view.units]
            if own:
                encoded.append((channel, await channel.view.frames(sessions, own, after)))
        for channel, frames in encoded:
            channel.append(frames)
        for change in changes:
            if change.unit in self._heads:
                self._heads[change.unit] = max(change.position, self._heads[change.unit])
        return len(changes) >= _BATCH

    def _watchers(self) -> list[Watcher]:
        return [watcher for channel in self._channels.values() for watcher in channel.watchers]

    def _forget_unwatched(self) -> None:
        self._channels = {view: channel for view, channel in self._channels.items() if channel.watchers}
        watched = {unit for view in self._channels for unit in view.units}
        self._heads = {unit: head for unit, head in self._heads.items() if unit in watched}


@contextmanager
def _on_stop_signal(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` when the server is told to stop: it waits for open streams before it tells the app.

    The server's own handlers go on; where it installed none (in a test), nothing is done.
    """
    loop = asyncio.get_running_loop()
    replaced: dict[signal.Signals, tuple[Any, Any]] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            servers = signal.getsignal(number)
            if callable(servers) and servers is not signal.default_int_handler:

                def stop(signum: int, stack: Any, servers: Any = servers) -> None:
                    loop.call_soon_threadsafe(close)
                    servers(signum, stack)

                signal.signal(number, stop)
                replaced[number] = (stop, servers)
    try:
        yield
    finally:
        for number, (ours, servers) in replaced.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, servers)
