"""Real receivers on this machine, which remember what reached them."""

import asyncio
import email
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

__all__ = ["Mailbox", "WebHook", "mailbox", "raw_sink", "web_hook"]


@dataclass
class Mailbox:
    """An SMTP server. `replies` are given to the next messages instead of acceptance."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.replies:
            return self.replies.pop(0)
        self.mails.append(email.message_from_bytes(envelope.original_content or b""))
        return "250 OK"

    def address(self) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=huiying@example.com&to=unit@example.com&mode=insecure"

    def subjects(self) -> list[str]:
        return [str(make_header(decode_header(mail["Subject"]))) for mail in self.mails]

    def texts(self) -> list[str]:
        bodies = [mail.get_payload(decode=True) for mail in self.mails]
        return [
            str(body, "utf-8").replace("\r\n", "\n").rstrip("\n")
            for body in bodies
            if isinstance(body, bytes)
        ]


class _Controller(Controller):
    """A controller that also works on a port the system chose."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mailbox(*, passwords: bool = False, **more: Any) -> Iterator[Mailbox]:
    """An SMTP server on a free port; with `passwords` it asks for them without TLS and takes none.

    `ssl_context` makes it speak TLS from the first byte on, `tls_context` offers STARTTLS.
    """
    box = Mailbox()
    controller = _Controller(
        box,
        hostname="127.0.0.1",
        port=0,
        auth_require_tls=not passwords,
        authenticator=lambda *_: AuthResult(success=False, handled=False),
        **more,
    )
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


@dataclass
class WebHook:
    """An HTTP server. `replies` (status, JSON) are given to the next requests instead of 200."""

    server: HTTPServer
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    replies: list[tuple[int, Any]] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        self.bodies.append(request.get_data())
        body = request.get_json(silent=True) or request.form.to_dict()
        self.requests.append((dict(request.headers), body))
        status, reply = self.replies.pop(0) if self.replies else (200, {"errcode": 0})
        response = Response(status=status)
        response.set_data(json.dumps(reply))
        return response

    def address(self, schema: str = "json") -> str:
        return f"{schema}://127.0.0.1:{self.server.port}/hook"

    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for headers, _ in self.requests]


@contextmanager
def web_hook() -> Iterator[WebHook]:
    """An HTTP server on a free port."""
    with HTTPServer(host="127.0.0.1", port=0) as server:
        hook = WebHook(server)
        server.expect_request("/hook").respond_with_handler(hook.answer)
        yield hook


@asynccontextmanager
async def raw_sink(greeting: bytes = b"") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A TCP server that greets, reads what comes and hangs up. Yields port and what came."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        seen.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen
