"""What wraps every request: an id, one log line, a limit on the body, protection against forged posts.

Plain ASGI, so that streams stay streams and the hot path stays hot.
"""

import re
import time
from urllib.parse import urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.ids import uuid7
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.problems import OnUnexpected, problem_response

__all__ = ["Edge"]

_log = get_logger(__name__)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
MAX_BODY = 4 * 1024 * 1024


class Edge:
    """The outermost ASGI layer of a service."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        metrics: Metrics,
        on_unexpected: OnUnexpected,
        max_body: int = MAX_BODY,
    ) -> None:
        self.app = app
        self._service = service
        self._metrics = metrics
        self._on_unexpected = on_unexpected
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request_id = _request_id(request)
        request.state.request_id = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._answer(request, receive, noting)
        except Exception as error:  # noqa: BLE001 - the last resort answers
            # Starlette raises on after its own answer; uvicorn ends a response left unfinished.
            if not status:
                await (await self._on_unexpected(request, error))(scope, receive, noting)
            elif not getattr(request.state, "failure_logged", False):
                _log.exception("response_broken")
        finally:
            self._note(request, status, time.perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal(request.scope, receive, send)
            return
        await self.app(request.scope, self._limited(receive), send)

    def _refusal(self, request: Request) -> Response | None:
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            return _too_large(request.state.request_id, self._max_body)
        if request.method not in _SAFE_METHODS and _is_forged(request):
            return problem_response(403, "请求来自别的网站，已拒绝", request_id=request.state.request_id)
        return None

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

    def _note(self, request: Request, status: int, seconds: float) -> None:
        path = request.url.path
        if path in _QUIET:
            return
        self._metrics.requests.labels(self._service, request.method, str(status)).observe(seconds)
        route = getattr(request.scope.get("route"), "path", None)  # the template, so no token is logged
        _log.info(
            "request",
            method=request.method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _is_forged(request: Request) -> bool:
    """Whether another site made a browser send this. Bearer tokens are never sent by a browser unasked."""
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _too_large(request_id: str, limit: int) -> Response:
    return problem_response(413, f"内容太大，最多 {limit // 1024} KB", request_id=request_id)
