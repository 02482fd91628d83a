"""How a replica is served: by uvicorn, set up alike wherever it runs."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Protocol", "serve"]


class _Gathering:
    """A transport that hands on in one piece what is written in one turn of the event loop.

    The head of a response and its body are two writes, and each is a system call that wakes its reader.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._gathered:
            self._loop.call_soon(self._hand_on)
        self._gathered.append(data)

    def close(self) -> None:
        self._hand_on()
        self._transport.close()

    def _hand_on(self) -> None:
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with one write for a response that is ready as a whole."""

    def connection_made(self, transport: Any) -> None:
        """Begin a connection."""
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type]


def serve(factory: str, *, host: str, port: int, proxies: str) -> None:
    """Serve what `factory` ("module:function") builds until told to stop; `proxies` may name the client."""
    uvicorn.run(
        factory,
        factory=True,
        http=Protocol,
        host=host,
        port=port,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=5,
        access_log=False,
        server_header=False,
        log_level="warning",
    )
