"""Reading a record never raises, whatever the bytes."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.contracts.envelope import Origin
from shared.contracts.intake import ComplaintContent
from shared.wire import Envelope, Poison, RawRecord, Unreadable, decode, raw_of, read_envelope

GOOD = {
    "ce_id": str(uuid4()),
    "ce_type": "complaint.content.v1",
    "ce_seq": "7",
    "ce_time": "2026-11-02T01:00:00+00:00",
    "ce_origin": "history",
}
COMPLAINT = uuid4()
BODY = ComplaintContent(complaint_id=COMPLAINT, text="水压不足").to_json()
RECORD = RawRecord("complaint.content", 3, 41, str(COMPLAINT).encode(), GOOD, BODY)


def test_a_well_formed_record_is_read_whole() -> None:
    envelope = read_envelope(RECORD)

    assert isinstance(envelope, Envelope)
    assert (envelope.key, envelope.seq, envelope.origin) == (str(COMPLAINT), 7, Origin.HISTORY)
    event = decode(envelope, ComplaintContent)
    assert event.data == ComplaintContent(complaint_id=COMPLAINT, text="水压不足")


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("ce_seq", "0", "header"),
        ("ce_seq", "-1", "header"),
        ("ce_seq", "１", "header"),
        ("ce_seq", "9" * 40, "header"),
        ("ce_id", "nonsense", "header"),
        ("ce_time", "yesterday", "header"),
        ("ce_time", "2026-11-02T01:00:00", "header"),
        ("ce_time", "0001-01-01T00:00:00+08:00", "header"),
        ("ce_time", "9999-12-31T23:59:59-08:00", "header"),
        ("ce_origin", "elsewhere", "header"),
        ("ce_type", "complaint.content.v2", "type"),
        ("ce_type", "complaint.registered.v1", "type"),
        ("trace", "hex:ff", "header"),
    ],
)
def test_a_malformed_header_is_a_reason(header: str, value: str, reason: str) -> None:
    unreadable = read_envelope(replace(RECORD, headers=GOOD | {header: value}))

    assert isinstance(unreadable, Unreadable)
    assert unreadable.reason == reason


@pytest.mark.parametrize("missing", ["ce_id", "ce_type", "ce_seq", "ce_time"])
def test_a_missing_header_is_a_reason(missing: str) -> None:
    headers = {name: value for name, value in GOOD.items() if name != missing}

    assert isinstance(read_envelope(replace(RECORD, headers=headers)), Unreadable)


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"a\x00b", b"x" * 3000])
def test_a_key_that_is_no_text_or_longer_than_an_index_holds_is_a_reason(key: bytes | None) -> None:
    unreadable = read_envelope(replace(RECORD, key=key))

    assert isinstance(unreadable, Unreadable)
    assert unreadable.reason == "key"
    assert unreadable.seq == 7


@pytest.mark.parametrize("text", ["C:\\u0000", "\\\\u0000", "路径 \\\\\\u0000 有误"])
def test_a_text_that_spells_out_the_escape_of_a_nul_is_no_nul(text: str) -> None:
    event = ComplaintContent(complaint_id=uuid4(), text=text)
    envelope = read_envelope(replace(RECORD, key=event.key.encode(), value=event.to_json()))
    assert isinstance(envelope, Envelope)

    assert decode(envelope, ComplaintContent).data == event


@pytest.mark.parametrize("text", ["\x00", "\\\x00", "a\\\\\x00b"])
def test_a_nul_in_a_payload_is_poison(text: str) -> None:
    event = ComplaintContent(complaint_id=uuid4(), text=text)
    envelope = read_envelope(replace(RECORD, key=event.key.encode(), value=event.to_json()))
    assert isinstance(envelope, Envelope)

    with pytest.raises(Poison, match="NUL"):
        decode(envelope, ComplaintContent)


def test_a_payload_of_another_key_is_poison() -> None:
    envelope = read_envelope(replace(RECORD, key=b"another"))
    assert isinstance(envelope, Envelope)

    with pytest.raises(Poison, match="key"):
        decode(envelope, ComplaintContent)


@given(
    key=st.none() | st.binary(max_size=40),
    headers=st.dictionaries(
        st.sampled_from(list(GOOD)) | st.text(max_size=8), st.sampled_from(list(GOOD.values())) | st.text()
    ),
    value=st.none() | st.binary() | st.text().map(str.encode),
)
def test_no_bytes_make_reading_raise(key: bytes | None, headers: dict[str, str], value: bytes | None) -> None:
    read = read_envelope(RawRecord("complaint.content", 0, 0, key, headers, value))

    if isinstance(read, Envelope):
        with pytest.raises(Poison):  # none of these values is the content of a complaint
            decode(read, ComplaintContent)


HEADER_VALUES = st.none() | st.text(max_size=8).map(str.encode) | st.binary(max_size=8)


@given(st.lists(st.tuples(st.text("ab\x00é", max_size=3), HEADER_VALUES), max_size=5))
def test_headers_are_text_wherever_they_can_be(given_headers: list[tuple[str, bytes | None]]) -> None:
    record: Any = SimpleNamespace(
        topic="p.t", partition=1, offset=2, key=b"k", value=b"v", headers=tuple(given_headers)
    )
    raw = raw_of(record, "p.")

    def told(value: bytes | None) -> str:
        text = (value or b"").decode(errors="replace")
        return (
            text if text.encode() == (value or b"") and "\x00" not in text else f"hex:{(value or b'').hex()}"
        )

    assert raw.headers == {name.replace("\x00", "\\x00"): told(value) for name, value in given_headers}
    assert (raw.topic, raw.partition, raw.offset, raw.key, raw.value) == ("t", 1, 2, b"k", b"v")
