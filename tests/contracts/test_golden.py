"""Stored events of every past version still read the same; a changed payload is a new version."""

import json
from pathlib import Path

import pytest

from shared.contracts.registry import EVENT_TYPES, OWNERS
from shared.contracts.topics import TOPICS

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_the_stored_event_of_each_type_reads_and_writes_the_same(event_type: str) -> None:
    stored = (GOLDEN / f"{event_type}.json").read_text()

    event = EVENT_TYPES[event_type].model_validate_json(stored)

    assert json.loads(event.to_json()) == json.loads(stored)
    assert event.to_json() == event.model_dump_json().encode()


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_fields_of_a_newer_writer_are_ignored(event_type: str) -> None:
    stored = json.loads((GOLDEN / f"{event_type}.json").read_text())

    event = EVENT_TYPES[event_type].model_validate(stored | {"added_later": 1})

    assert "added_later" not in event.model_dump()


def test_there_is_a_stored_event_of_every_type_and_no_other() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EVENT_TYPES)


def test_every_type_is_published_on_a_topic_that_exists() -> None:
    assert {kind.topic for kind in EVENT_TYPES.values()} <= TOPICS.keys()


def test_no_type_has_two_owners() -> None:
    owned = [kind.type for kinds in OWNERS.values() for kind in kinds]
    assert len(owned) == len(set(owned))
