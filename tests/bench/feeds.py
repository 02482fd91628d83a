"""Follows the live feeds of units and notes when each complaint was first told."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, asynccontextmanager

__all__ = ["Seen", "watch_feeds"]

COMPLAINT = re.compile(rb'"complaint_id":"([0-9a-f-]{36})"')


class Seen:
    """Instants of the monotonic clock, by complaint."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self._more = asyncio.Event()

    def note(self, complaint: str) -> None:
        """A feed has just told this complaint."""
        self.at.setdefault(complaint, time.monotonic())
        self._more.set()

    async def wait_for(self, complaints: AbstractSet[str], seconds: float) -> None:
        """Return when all were told. TimeoutError if one was not within `seconds`."""
        async with asyncio.timeout(seconds):
            while not self.at.keys() >= complaints:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def watch_feeds(port: int | None, units: Sequence[str], token: str) -> AsyncIterator[Seen]:
    """Follow the feed of each unit for the length of the block, once all streams are open."""
    seen = Seen()
    async with AsyncExitStack() as stack:
        for unit in units if port is not None else ():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            path = f"/dispatch/api/feed/stream?unit={unit}"
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:20]:
                raise RuntimeError(f"no feed of {unit}: {head.decode(errors='replace')}")
            await reader.readuntil(b"\n\n")  # the stream speaks once it follows
            task = asyncio.create_task(_follow(reader, seen))
            stack.callback(task.cancel)
        yield seen


async def _follow(reader: asyncio.StreamReader, seen: Seen) -> None:
    while line := await reader.readline():
        for complaint in COMPLAINT.findall(line):
            seen.note(complaint.decode())
