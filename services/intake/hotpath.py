"""POST /api/complaints, as plain ASGI: the one route whose speed bounds the system's.

It decodes with msgspec what `schemas.RegisterRequest` describes; what does not fit is explained by that
model, in Chinese.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from fastapi import FastAPI, Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.intake.desk import PUBLIC, Desk
from services.intake.domain.reports import Given, ReportError
from services.intake.schemas import Registered, RegisterRequest
from services.intake.usecases.group_commit import UnfitDraftError
from services.intake.usecases.register import KeyReusedError
from shared.auth import ForbiddenError, Principal, SignInRequiredError, who
from shared.contracts.dispatch import Role
from shared.contracts.intake import Channel
from shared.edge import Edge, Headers
from shared.problems import FieldProblem, Problem, validation_fields
from shared.texts import clean_line, unsafe_character

__all__ = ["PATH", "RegisterBody", "decode", "install"]

PATH = "/api/complaints"
_KEY = re.compile(rb"[!-~]{1,200}")
_LENGTH = b"content-length"
_JSON = [(b"content-type", b"application/json")]
_TAKES_CALLS = frozenset({Role.OPERATOR, Role.OFFICE, Role.ADMINISTRATOR})
_FIELDS_SHOWN = 20


class RegisterBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a registration, field by field as in `schemas.RegisterRequest`."""

    text: str
    category: str | None = None
    subject: str | None = None
    location: str | None = None
    name: str | None = None
    phone: str | None = None
    urgency: Literal["P1", "P2", "P3"] | None = None
    channel: Literal["api", "phone"] = "api"


_DECODER = msgspec.json.Decoder(RegisterBody)


def install(app: FastAPI, edge: Edge, desk: Desk) -> None:
    """Put the route first at the edge, and into the app and its OpenAPI document."""
    route = _RegisterRoute(app, desk)
    app.router.routes.insert(0, Route(PATH, route, methods=["POST"]))  # so that other methods get their 405
    edge.put_first("POST", PATH, route.answer)
    _describe(app)


def _describe(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["paths"].setdefault(PATH, {})["post"] = {
            "summary": "Register a report",
            "description": RegisterRequest.__doc__,
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "schema": {"type": "string", "pattern": f"^{_KEY.pattern.decode()}$"},
                }
            ],
            "requestBody": {"required": True, "content": _content(RegisterRequest)},
            "responses": {
                "201": {
                    "description": "Registered: on disk, with its number",
                    "content": _content(Registered),
                },
                "422": {"description": "A problem (RFC 9457) naming each field that is wrong"},
                "429": {"description": "Too many in a short time"},
                "503": {"description": "Not known to be registered: try again with the same key"},
            },
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": model.model_json_schema()}}


class _RegisterRoute:
    """An ASGI application, to be put first at the edge of `app`; refusals are raised, as Problem mostly."""

    path = PATH

    def __init__(self, app: FastAPI, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Register what one request brings, where it came by way of the app."""
        await self.answer(scope, dict(scope["headers"]), receive, send)

    async def answer(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Register what one request brings."""
        scope["app"] = self._app  # both as FastAPI's own routes do
        scope["route"] = self
        principal = await who(Request(scope, receive)) if _names_somebody(headers) else None
        if principal is None and (wait := self._desk.limits.register(self._desk.client(scope))):
            raise await self._desk.too_often(wait)
        key = _idempotency_key(headers)
        reply = await self._register(decode(await _body(receive)), principal, key)
        length = str(len(reply)).encode()
        await send({"type": "http.response.start", "status": 201, "headers": [*_JSON, (_LENGTH, length)]})
        await send({"type": "http.response.body", "body": reply})

    async def _register(self, body: RegisterBody, principal: Principal | None, key: str | None) -> bytes:
        _check_rights(body, principal)
        try:
            return await self._desk.register(
                _given(body),
                channel=Channel(body.channel),
                actor=str(principal.person_id) if principal else PUBLIC,
                key=key,
            )
        except ReportError as error:
            raise _invalid([FieldProblem(*one) for one in error.errors]) from None
        except KeyReusedError:
            raise _invalid(
                [FieldProblem("Idempotency-Key", "这个键已用于另一份内容，请换一个新的键")]
            ) from None
        except UnfitDraftError:
            raise Problem(422, "内容里有数据库不能保存的东西") from None


async def _body(receive: Receive) -> bytes:
    """The whole body of a request. ClientDisconnect if its sender left before the end.

    Starlette's own costs six microseconds more, a tenth of what a registration needs before the database.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _names_somebody(headers: Headers) -> bool:
    return b"authorization" in headers or b"cookie" in headers


def decode(raw: bytes) -> RegisterBody:
    """Decode a body. Problem naming each field that is wrong."""
    try:
        body = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _invalid(_explain(raw)) from None
    if b"\\u0000" in raw and (unsafe := _unsafe_fields(msgspec.structs.asdict(body))):
        raise _invalid(unsafe)
    return body


def _idempotency_key(headers: Headers) -> str | None:
    key = headers.get(b"idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise _invalid([FieldProblem("Idempotency-Key", "应为 1 到 200 个可见的 ASCII 字符")])
    return key.decode()


def _check_rights(body: RegisterBody, principal: Principal | None) -> None:
    """SignInRequiredError, ForbiddenError or Problem if the caller may not say what the body says."""
    if body.urgency is not None and principal is None:
        raise _invalid([FieldProblem("urgency", "紧急程度由登记人员填写")])
    if body.channel == "phone":
        if principal is None:
            raise SignInRequiredError
        if principal.role not in _TAKES_CALLS:
            raise ForbiddenError("只有话务员可以登记电话反映的问题")


def _given(body: RegisterBody) -> Given:
    return Given(
        text=body.text,
        subject=body.subject or "",
        location=body.location or "",
        name=body.name or "",
        phone=body.phone or "",
        category=body.category,
        urgency=body.urgency,
    )


def _invalid(fields: Sequence[FieldProblem]) -> Problem:
    shown = [
        FieldProblem(clean_line(one["field"])[:100], one["message"]) for one in list(fields)[:_FIELDS_SHOWN]
    ]
    return Problem(422, "；".join(f"{one['field']}：{one['message']}" for one in shown), fields=shown)


def _explain(raw: bytes) -> list[FieldProblem]:
    """Say what is wrong with a body that the decoder refused."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return [FieldProblem("内容", "不是有效的 JSON")]
    if isinstance(value, dict) and (unsafe := _unsafe_fields(value)):
        return unsafe
    try:
        RegisterRequest.model_validate(value)
    except ValidationError as error:
        return validation_fields(error.errors())
    return [FieldProblem("内容", "格式不对")]


def _unsafe_fields(fields: dict[str, object]) -> list[FieldProblem]:
    return [
        FieldProblem(name, f"含有不能保存的字符（{found}）")
        for name, value in fields.items()
        if isinstance(value, str) and (found := unsafe_character(value))
    ]
