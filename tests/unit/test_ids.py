"""Ids are UUIDs like any other, whatever class they are of, and named ones are the same everywhere."""

import copy
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.dispatch import AssignmentAnswered
from shared.ids import read_uuid, uuid5, uuid7


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
