"""Errors as a person or a program reads them: RFC 9457 problems in Chinese, or the error pages."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from shared.auth import ForbiddenError, SignInRequiredError
from shared.database import is_passing_failure, is_unfit_text
from shared.logs import get_logger
from shared.pages import Pages, wants_html
from shared.pages.errors import explain

__all__ = [
    "UNFIT_TEXT",
    "FieldProblem",
    "OnError",
    "Problem",
    "field_problem",
    "install",
    "problem_response",
    "validation_fields",
]

_log = get_logger(__name__)

OnError = Callable[[Request, Exception], Awaitable[Response]]

SIGN_IN_PATH = "/dispatch/sign-in"

_UNAVAILABLE_SECONDS = 5

_TOO_LONG = "exceeded maximum size"
"""How the reader of forms begins to say that a field is longer than it takes (1 MB)."""

UNFIT_TEXT = "含有不能保存的字符"
"""Of text with a NUL or half of a surrogate pair in it."""

_MESSAGES = {
    "missing": "必须填写",
    "string_too_short": "太短",
    "string_too_long": "太长，最多 {max_length} 个字",
    "string_type": "应为文字",
    "string_unicode": UNFIT_TEXT,
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "greater_than_equal": "不能小于 {ge}",
    "greater_than": "应大于 {gt}",
    "less_than_equal": "不能大于 {le}",
    "less_than": "应小于 {lt}",
    "uuid_parsing": "不是有效的编号",
    "enum": "不是可选的值",
    "literal_error": "不是可选的值",
    "json_invalid": "不是有效的 JSON",
    "timezone_aware": "时间需要带时区",
    "datetime_from_date_parsing": "不是有效的时间",
    "datetime_parsing": "不是有效的时间",
    "list_type": "应为列表",
    "too_long": "太多，最多 {max_length} 项",
    "too_short": "太少，至少 {min_length} 项",
    "string_pattern_mismatch": "格式不对",
    "extra_forbidden": "没有这个字段",
    "model_attributes_type": "应为对象",
    "model_type": "应为对象",
    "dict_type": "应为对象",
}


class FieldProblem(dict[str, str]):
    """One field and what is wrong with it: `{"field": ..., "message": ...}`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field=field, message=message)


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An expected refusal: status, a Chinese sentence and, where fields are wrong, which and why.

    `retry_after` is how many seconds to wait, where waiting helps and that is known.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        fields: Sequence[FieldProblem] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.fields = tuple(fields)
        self.retry_after = retry_after


def field_problem(field: str, message: str, status: int = 422) -> Problem:
    """One field that is wrong, and why, in Chinese."""
    return Problem(status, message, fields=[FieldProblem(field, message)])


def problem_response(
    status: int,
    detail: str,
    *,
    fields: Sequence[FieldProblem] = (),
    request_id: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return an `application/problem+json` response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": explain(status).title,
        "status": status,
        "detail": detail,
    }
    if fields:
        body["errors"] = list(fields)
    if request_id:
        body["request_id"] = request_id
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def validation_fields(errors: Sequence[Any]) -> list[FieldProblem]:
    """Chinese field problems of pydantic's error list."""
    found = []
    for error in errors:
        path = [str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}]
        message = _MESSAGES.get(error["type"])
        if message is None:
            message = (
                str(error["msg"]).removeprefix("Value error, ")
                if error["type"] == "value_error"
                else "填写有误"
            )
        found.append(FieldProblem(".".join(path) or "内容", message.format_map(error.get("ctx") or {})))
    return found


class _Answers:
    """The exception handlers of one app: one way to answer, whatever went wrong."""

    def __init__(self, pages: Pages | None) -> None:
        self._pages = pages

    def _answer(
        self, request: Request, status: int, detail: str, *, retry_after: int | None = None, **more: Any
    ) -> Response:
        request_id = getattr(request.state, "request_id", None)
        if retry_after is None and status == HTTPStatus.SERVICE_UNAVAILABLE:
            retry_after = _UNAVAILABLE_SECONDS
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if self._pages is not None and _is_page(request):
            page = self._pages.error(request, status, detail, request_id)
            page.headers.update(headers)
            return page
        return problem_response(status, detail, request_id=request_id, headers=headers, **more)

    async def problem(self, request: Request, error: Problem) -> Response:
        return self._answer(
            request, error.status, error.detail, fields=error.fields, retry_after=error.retry_after
        )

    async def invalid(self, request: Request, error: RequestValidationError) -> Response:
        fields = validation_fields(error.errors())
        detail = "；".join(f"{one['field']}：{one['message']}" for one in fields[:10])
        return self._answer(request, 422, detail, fields=fields)

    async def http(self, request: Request, error: HTTPException) -> Response:
        if _TOO_LONG in str(error.detail):
            return self._answer(request, 413, "填写的文字太长，请缩短后再提交")
        return self._answer(request, error.status_code, explain(error.status_code).cause)

    async def sign_in(self, request: Request, _error: SignInRequiredError) -> Response:
        if _is_page(request) and request.method == "GET" and "HX-Request" not in request.headers:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{SIGN_IN_PATH}?next={quote(target)}", 303)
        return self._answer(request, 401, explain(401).cause)

    async def forbidden(self, request: Request, error: ForbiddenError) -> Response:
        return self._answer(request, 403, str(error))

    async def unexpected(self, request: Request, error: Exception) -> Response:
        request.state.failure_logged = True
        if is_unfit_text(error):
            _log.warning("request_of_unfit_text", reason=type(error).__name__)
            return self._answer(request, 422, f"填写的内容{UNFIT_TEXT}，请改写后再提交")
        if is_passing_failure(error):
            _log.warning("request_unavailable", reason=type(error).__name__)
            return self._answer(request, 503, explain(503).cause)
        _log.error("request_failed", exc_info=error)
        return self._answer(request, 500, explain(500).cause)


def _is_page(request: Request) -> bool:
    return wants_html(request) and "/api/" not in request.url.path


def install(app: FastAPI, pages: Pages | None) -> OnError:
    """Answer every error of `app` as a problem or, where a person's browser asks, as a page.

    Returns what answers any error, for the edge: an unexpected one with 503 if waiting may cure it, else 500.
    """
    answers = _Answers(pages)
    handlers: dict[type[Exception], Any] = {
        Problem: answers.problem,
        RequestValidationError: answers.invalid,
        HTTPException: answers.http,
        SignInRequiredError: answers.sign_in,
        ForbiddenError: answers.forbidden,
        Exception: answers.unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)

    async def answer(request: Request, error: Exception) -> Response:
        handler = next(handler for kind, handler in handlers.items() if isinstance(error, kind))
        response: Response = await handler(request, error)
        return response

    return answer
