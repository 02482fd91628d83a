"""The hot path takes and refuses just what the public model says."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.intake.hotpath import RegisterBody, decode
from services.intake.schemas import Registered, RegisterRequest
from services.intake.usecases.register import Reply
from shared.ids import uuid7
from shared.problems import Problem

FIELDS = list(RegisterRequest.model_fields)

loose = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.lists(st.integers(), max_size=2)
)
values = st.text(max_size=5) | st.sampled_from(["P1", "P3", "api", "phone", "web"]) | loose
bodies = st.dictionaries(st.sampled_from([*FIELDS, "nonsense"]), values) | loose | st.text(max_size=3)


def by_model(raw: bytes) -> dict[str, Any] | None:
    """What the public model makes of a body, None where it or the database cannot take it."""
    try:
        body = RegisterRequest.model_validate_json(raw).model_dump()
    except ValidationError:
        return None
    return None if any("\x00" in one for one in body.values() if one) else body


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema's fields with what decides: types, choices and whether they must be there."""
    if "$ref" in schema:
        (schema,) = schema["$defs"].values()
    fields = {}
    for name, field in schema["properties"].items():
        choices = field.get("anyOf", [field])
        fields[name] = sorted(
            json.dumps(
                [
                    one.get("type", "string" if "enum" in one else None),
                    sorted(one.get("enum", [])),
                    one.get("format"),
                ]
            )
            for one in choices
        )
    return {
        "fields": fields,
        "required": sorted(schema["required"]),
        "closed": schema.get("additionalProperties") is False,
    }


def test_body_schemas_are_equal() -> None:
    assert plain(msgspec.json.schema(RegisterBody)) == plain(RegisterRequest.model_json_schema())


def test_the_reply_is_what_the_model_says() -> None:
    reply = Reply(uuid7(), "HY-2611-000123-X", "http://x/track/t", datetime(2026, 11, 22, tzinfo=UTC))
    public = Registered.model_validate_json(msgspec.json.encode(reply))
    assert public.model_dump() == msgspec.structs.asdict(reply)


@given(bodies)
def test_both_take_and_refuse_the_same(body: Any) -> None:
    raw = json.dumps(body).encode()
    expected = by_model(raw)
    try:
        found = msgspec.to_builtins(decode(raw))
    except Problem as problem:
        found = None if problem.status == 422 and problem.fields else problem
    assert found == expected


@pytest.mark.parametrize(
    ("raw", "field", "reason"),
    [
        (b"", "内容", "JSON"),
        (b"{", "内容", "JSON"),
        (b'{"text": "\xff"}', "内容", "JSON"),
        (b"[" * 100_000, "内容", "JSON"),
        (b'{"text": ' + b"9" * 5000 + b"}", "内容", "JSON"),
        (b"[]", "内容", "应为对象"),
        (b"{}", "text", "必须填写"),
        (b'{"text": 5}', "text", "应为文字"),
        (b'{"text": "x", "phone": 138}', "phone", "应为文字"),
        (b'{"text": "x", "urgency": "P9"}', "urgency", "不是可选的值"),
        (b'{"text": "x", "channel": "import"}', "channel", "不是可选的值"),
        (b'{"text": "x", "colour": "red"}', "colour", "没有这个字段"),
        (b'{"text": "x", "\\ud800": "red"}', "内容", "含有不能保存的字符"),
        (b'{"text": "a\\u0000b"}', "text", "NUL"),
        (b'{"text": "x", "name": "a\\u0000b"}', "name", "NUL"),
        (b'{"text": "x", "location": "\\ud83d"}', "location", "代理字符"),
    ],
)
def test_what_is_wrong_is_named_in_chinese(raw: bytes, field: str, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        decode(raw)
    assert caught.value.status == 422
    assert any(one["field"] == field and reason in one["message"] for one in caught.value.fields)
    json.dumps(caught.value.fields, ensure_ascii=False).encode()


def test_an_escaped_backslash_is_no_nul() -> None:
    assert decode(rb'{"text": "C:\\u0000"}').text == r"C:\u0000"
