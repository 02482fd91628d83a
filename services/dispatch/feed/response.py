"""The HTTP side of the live feed: one open response per watcher, of bytes that are already encoded."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.dispatch.feed.hub import Hub, View, Watcher
from shared.auth import Principal, who
from shared.logs import get_logger

__all__ = ["FeedResponse"]

_log = get_logger(__name__)
_SEND_SECONDS = 20.0


class FeedResponse(Response):
    """Server-sent events of a view, until the browser leaves, the session is over or the server stops.

    A connection that takes nothing for `_SEND_SECONDS` is given up; its reader resumes.
    """

    media_type = "text/event-stream"

    def __init__(
        self, request: Request, view: View, after: Mapping[str, int] | None, reader: Principal
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._request = request
        self._view = view
        self._after = after
        self._reader = reader

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send events for as long as there is somebody to take them."""
        hub: Hub = self._request.app.state.feed
        sessions = self._request.app.state.sessions
        watching = hub.watching(
            sessions, self._view, self._after, token_id=self._reader.token_id, alive=self._is_signed_in
        )
        async with watching as watcher:
            leaving = asyncio.create_task(_end_when_gone(receive, watcher))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._send_events(watcher, send)
            finally:
                leaving.cancel()
                with suppress(asyncio.CancelledError):
                    await leaving

    async def _send_events(self, watcher: Watcher, send: Send) -> None:
        async with aclosing(watcher.events()) as events:
            async for data in events:
                try:
                    async with asyncio.timeout(_SEND_SECONDS):
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                except TimeoutError:
                    _log.info("watcher_too_slow")
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _is_signed_in(self) -> bool:
        return await who(self._request) is not None


async def _end_when_gone(receive: Receive, watcher: Watcher) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.end()
