"""Ids and instants of events are plain ones, however they are read and written."""

import copy
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.dispatch import AssignmentAnswered
from shared.contracts.intake import Channel, ComplaintRegistered
from shared.ids import read_uuid, uuid5, uuid7

WHOLE_MINUTES = st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes))
ANSWERED = (
    '{"complaint_id":"0192e4e0-a0e0-7a7a-8a8a-0192e4e0a0e0","unit":"water","at":"AT",'
    '"answer_id":"0192e4e0-a0e0-7a7a-8a8a-0192e4e0a0e1"}'
)


@given(st.uuids(), st.text(max_size=40))
def test_a_named_uuid_is_that_of_the_standard_library(namespace: uuid.UUID, name: str) -> None:
    assert uuid5(namespace, name) == uuid.uuid5(namespace, name)


@given(st.uuids())
def test_a_uuid_that_was_read_is_equal_in_every_respect(one: uuid.UUID) -> None:
    read = read_uuid(str(one))

    assert isinstance(read, uuid.UUID)
    assert (read, hash(read), str(read), read.hex, read.int, read.bytes) == (
        one,
        hash(one),
        str(one),
        one.hex,
        one.int,
        one.bytes,
    )
    assert {one: "found"}[read] == "found"
    assert copy.deepcopy(read) == read


@pytest.mark.parametrize("text", ["", "x", "é" * 36, "0" * 31, "0" * 33, "-" * 36])
def test_what_spells_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        read_uuid(text)


def test_ids_sort_as_they_were_made_and_say_their_version() -> None:
    made = [uuid7() for _ in range(500)]

    assert made == sorted(made)
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}


@given(st.uuids(), st.uuids())
def test_an_event_says_the_same_whatever_class_its_ids_are_of(
    complaint: uuid.UUID, answer: uuid.UUID
) -> None:
    said = {"unit": "water", "at": "2026-09-01T00:00:00Z"}
    plain = AssignmentAnswered(complaint_id=complaint, answer_id=answer, **said)  # type: ignore[arg-type]
    read = AssignmentAnswered.model_validate_json(plain.to_json())

    assert read == plain
    assert read.to_json() == plain.to_json()
    assert type(read.complaint_id) is type(uuid7())
    assert read.key == plain.key == str(complaint)


@given(
    st.datetimes(timezones=st.just(UTC) | st.timezones() | st.builds(timezone, WHOLE_MINUTES)),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_an_event_is_written_as_its_model_is_and_reads_the_same(at: datetime, text: str) -> None:
    event = ComplaintRegistered(
        complaint_id=uuid7(), number=text, channel=Channel.WEB, category=None, urgency=None, registered_at=at
    )
    read = ComplaintRegistered.model_validate_json(event.to_json())

    assert event.to_json() == event.model_dump_json().encode()
    assert read == event
    assert (read.registered_at, read.registered_at.tzinfo) == (at, UTC)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-09-01T08:00:00+08:00", "2026-09-01T00:00:00+00:00"),
        ("2026-09-01T00:00:00.000001Z", "2026-09-01T00:00:00.000001+00:00"),
        ("2026-09-01T08:00:00", None),
        ("2026-13-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+08:00", None),
        ("soon", None),
    ],
)
def test_an_instant_is_read_with_its_zone_or_not_at_all(text: str, read: str | None) -> None:
    raw = ANSWERED.replace("AT", text)
    if read is None:
        with pytest.raises(ValidationError):
            AssignmentAnswered.model_validate_json(raw)
    else:
        assert AssignmentAnswered.model_validate_json(raw).at.isoformat() == read
