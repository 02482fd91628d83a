"""A response leaves in one piece where it is ready as a whole, and in its order where it is not."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from shared.server import Protocol

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that notes what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[bytes | str] = []
        self.closed = asyncio.Event()

    def write(self, data: Any) -> None:
        self.noted.append(bytes(data))

    def close(self) -> None:
        self.noted.append("closed")
        self.closed.set()

    def is_closing(self) -> bool:
        return "closed" in self.noted


async def exchange(request: bytes, parts: list[bytes]) -> Wire:
    """Ask once; the answer's parts come one turn of the loop after the other."""
    done = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        length = str(sum(map(len, parts))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for number, part in enumerate(parts):
            if number:
                turn = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(turn.set_result, None)
                await turn
            more = number + 1 < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})
        asyncio.get_running_loop().call_soon(done.set)

    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    wire, protocol = Wire(), Protocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(wire)
    protocol.data_received(request)
    await done.wait()
    return wire


async def test_head_and_body_leave_together() -> None:
    (answer,) = (await exchange(REQUEST, [b"all of it"])).noted
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nall of it")


async def test_what_comes_later_is_not_waited_for() -> None:
    first, second, third = (await exchange(REQUEST, [b"one ", b"two ", b"three"])).noted
    assert isinstance(first, bytes)
    assert first.endswith(b"\r\n\r\none ")
    assert [second, third] == [b"two ", b"three"]


async def test_nothing_is_lost_where_the_connection_ends_with_the_response() -> None:
    wire = await exchange(CLOSING, [b"the end"])
    answer, closed = wire.noted[:2]
    assert isinstance(answer, bytes)
    assert answer.endswith(b"the end")
    assert closed == "closed"
