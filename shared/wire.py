"""Kafka records as we read them: total functions from bytes to an envelope or a reason."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from uuid import UUID

import msgspec
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from shared.contracts.envelope import Event, Origin, Received, read_instant
from shared.contracts.registry import EVENT_TYPES
from shared.ids import read_uuid

__all__ = [
    "Envelope",
    "Poison",
    "RawRecord",
    "Unreadable",
    "decode",
    "raw_of",
    "read_envelope",
    "received",
]

_LIVE = Origin.LIVE.value
_BINARY = "hex:"
_LONGEST_KEY = 500  # bytes; what an index of the database holds, and far more than any key of ours
_NUL_ESCAPE = b"\\u0000"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape of a NUL; where its backslash is itself escaped, a text just spells it out."""


class Poison(Exception):  # noqa: N818 - the field's word
    """A record that no retry will make processable; `reason` is a code, `detail` names the fault."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class RawRecord(msgspec.Struct, frozen=True):
    """One Kafka record as it came; header values that are not UTF-8 text are kept as `hex:...`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Mapping[str, str]
    value: bytes | None


class Envelope(msgspec.Struct, frozen=True):
    """A record whose envelope is readable; its payload is decoded only when its turn has come."""

    id: UUID
    type: str
    topic: str
    key: str
    seq: int
    occurred_at: datetime
    origin: Origin
    raw: RawRecord
    pending: bool = False
    discarded: bool = False


class Unreadable(msgspec.Struct, frozen=True):
    """A record whose envelope says too little; what could be read of key and number is kept."""

    raw: RawRecord
    reason: str
    detail: str
    key: str | None = None
    seq: int | None = None


def raw_of(record: ConsumerRecord[bytes, bytes], prefix: str = "") -> RawRecord:
    """The raw record of an aiokafka ConsumerRecord, its topic without `prefix`. Never raises."""
    headers = _plain_headers(record.headers)
    if headers is None:
        headers = {name.replace("\x00", "\\x00"): _text(value) for name, value in record.headers}
    topic = record.topic.removeprefix(prefix)
    return RawRecord(topic, record.partition, record.offset, record.key, headers, record.value)


def _plain_headers(given: Iterable[tuple[str, bytes]]) -> dict[str, str] | None:
    """The headers as they nearly always are: all of them text without a NUL; None where one is not."""
    try:
        headers = {name: value.decode() for name, value in given}
    except (UnicodeDecodeError, AttributeError):  # a header may have no value
        return None
    return None if "\x00" in "".join(chain(headers, headers.values())) else headers


def _text(value: bytes | None) -> str:
    if value is None:
        return ""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return _BINARY + value.hex()
    return _BINARY + value.hex() if "\x00" in text else text


def read_envelope(raw: RawRecord, *, pending: bool = False, discarded: bool = False) -> Envelope | Unreadable:
    """Read the envelope from the headers: an envelope, or why not. Never raises."""
    key = _key(raw.key)
    seq = _number(raw.headers.get("ce_seq"))
    if _BINARY in "".join(raw.headers.values()):  # seldom, and then each is looked at
        binary = sorted(name for name, value in raw.headers.items() if value.startswith(_BINARY))
        if binary:
            detail = f"header values are not UTF-8 text: {', '.join(binary)}"
            return Unreadable(raw, "header", detail, key, seq)
    if key is None:
        return Unreadable(raw, "key", "the key is missing, too long or not UTF-8", key, seq)
    if seq is None:
        return Unreadable(raw, "header", "ce_seq is not a positive number", key, seq)
    event_type = raw.headers.get("ce_type", "")
    known = EVENT_TYPES.get(event_type)
    if not discarded and (known is None or known.topic != raw.topic):
        return Unreadable(raw, "type", f"unknown event type or version {event_type[:80]!r}", key, seq)
    try:
        return Envelope(
            id=read_uuid(raw.headers["ce_id"]),
            type=event_type,
            topic=raw.topic,
            key=key,
            seq=seq,
            occurred_at=read_instant(raw.headers["ce_time"]),
            origin=Origin(raw.headers.get("ce_origin", _LIVE)),
            raw=raw,
            pending=pending,
            discarded=discarded,
        )
    except KeyError as error:
        return Unreadable(raw, "header", f"header {error.args[0]} is missing", key, seq)
    except ValueError as error:
        return Unreadable(raw, "header", f"a header is malformed: {error}"[:300], key, seq)


def decode(envelope: Envelope, kind: type[Event]) -> Received[Event]:
    """Decode the payload as `kind`. Poison if it is not what its type promises."""
    value = envelope.raw.value
    if not value:
        raise Poison("empty", "the record has no value")
    if _NUL_ESCAPE in value and _NUL.search(value):
        raise Poison("payload", "the payload holds a NUL character")
    try:
        data = kind.model_validate_json(value)
    except ValidationError as error:
        fields = ", ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'payload'}: {problem['type']}"
            for problem in error.errors(include_input=False, include_url=False)[:5]
        )
        raise Poison("payload", f"the payload is not a {envelope.type}: {fields}") from None
    if data.key != envelope.key:
        raise Poison("key", "the record's key is not the payload's")
    return received(envelope, data)


def received(envelope: Envelope, data: Event | None) -> Received[Event]:
    """The event as a handler sees it."""
    return Received(
        id=envelope.id,
        type=envelope.type,
        topic=envelope.topic,
        key=envelope.key,
        seq=envelope.seq,
        occurred_at=envelope.occurred_at,
        origin=envelope.origin,
        data=data,
    )


def _key(key: bytes | None) -> str | None:
    if not key or len(key) > _LONGEST_KEY or b"\x00" in key:
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - bigint
        return None
    return int(text) or None
