"""What wraps every request: an id, one log line, a limit on the body, protection against forged posts.

Plain ASGI, so that streams stay streams and the hot path stays hot.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import Histogram
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.ids import uuid7
from shared.logs import REQUEST_ID, get_logger
from shared.metrics import Metrics
from shared.problems import UNFIT_TEXT, OnError, Problem

__all__ = ["Edge", "FirstRoute", "Headers"]

_log = get_logger(__name__)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
_GONE = 499  # noted where the client left before it had said all
MAX_BODY = 4 * 1024 * 1024

Headers = Mapping[bytes, bytes]
"""Headers by name in small letters; of a repeated one the last."""

FirstRoute = Callable[[Scope, Headers, Receive, Send], Awaitable[None]]
"""An ASGI application that is given the request's headers, which the edge has read already."""


class Edge:
    """The outermost ASGI layer of a service. `answer_error` answers what the app raised.

    A route that was put first is asked before the app, past the app's own layers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        metrics: Metrics,
        answer_error: OnError,
        max_body: int = MAX_BODY,
    ) -> None:
        self.app = app
        self._service = service
        self._metrics = metrics
        self._answer_error = answer_error
        self._max_body = max_body
        self._first: dict[tuple[str, str], FirstRoute] = {}
        self._observed: dict[tuple[str, int], Histogram] = {}

    def put_first(self, method: str, path: str, route: FirstRoute) -> None:
        """Have `route` answer requests of just this method and path."""
        self._first[method, path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        named = REQUEST_ID.set(request_id)
        started = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._answer(scope, headers, receive, noting)
        except ClientDisconnect:
            status = status or _GONE
        except Exception as error:  # noqa: BLE001 - the last resort answers
            # Starlette raises on after its own answer; uvicorn ends a response left unfinished.
            if not status:
                await (await self._answer_error(Request(scope), error))(scope, receive, noting)
            elif "failure_logged" not in scope["state"]:
                _log.exception("response_broken")
        finally:
            self._note(scope, status, time.perf_counter() - started)
            REQUEST_ID.reset(named)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        self._check(scope, headers)
        if b"content-length" not in headers:  # else the server holds the body to the length announced
            receive = self._limited(receive)
        first = self._first.get((scope["method"], scope["path"]))
        if first is None:
            await self.app(scope, receive, send)
        else:
            await first(scope, headers, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Problem for a request that nothing behind the edge shall see."""
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_body:
            raise Problem(413, f"内容太大，最多 {self._max_body // 1024} KB")
        if scope["method"] not in _SAFE_METHODS and _is_forged(headers):
            raise Problem(403, "请求来自别的网站，已拒绝")
        if "\x00" in scope["path"]:
            raise Problem(404, f"没有这个地址：{UNFIT_TEXT}")
        if b"%00" in scope.get("query_string", b""):
            raise Problem(400, f"网址里的参数{UNFIT_TEXT}")

    def _limited(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body:
                raise HTTPException(413)  # the one kind that FastAPI lets through while it reads a body
            return message

        return counted

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        if scope["path"] in _QUIET:
            return
        method = scope["method"]
        observed = self._observed.get((method, status))
        if observed is None:
            observed = self._metrics.requests.labels(self._service, method, str(status))
            self._observed[method, status] = observed
        observed.observe(seconds)
        route = getattr(scope.get("route"), "path", None)  # the template, so no token is logged
        _log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))


def _request_id(headers: Headers) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _is_forged(headers: Headers) -> bool:
    """Whether another site made a browser send this. Bearer tokens are never sent by a browser unasked."""
    if headers.get(b"authorization", b"").lower().startswith(b"bearer "):
        return False
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host")
