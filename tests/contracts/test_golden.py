"""Stored events of every past version still read the same; a changed payload is a new version."""

import json
from pathlib import Path

import pytest

from shared.contracts.registry import EVENT_TYPES, OWNERS
from shared.contracts.topics import TOPICS

GOLDEN = Path(__file__).parent / "golden"


STORED = sorted(GOLDEN.glob("*.json"))


def type_of(stored: Path) -> str:
    """The type of a stored event; one with a field that was added later is `<type>.with-<field>.json`."""
    return stored.stem.partition(".with-")[0]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_event_reads_and_writes_the_same(path: Path) -> None:
    kind, stored = EVENT_TYPES[type_of(path)], json.loads(path.read_text())

    event = kind.model_validate_json(path.read_text())

    added_later = {
        name: field.default
        for name, field in kind.model_fields.items()
        if name not in stored and not field.is_required()
    }
    assert json.loads(event.to_json()) == added_later | stored
    assert event.to_json() == event.model_dump_json().encode()


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_fields_of_a_newer_writer_are_ignored(path: Path) -> None:
    stored = json.loads(path.read_text())

    event = EVENT_TYPES[type_of(path)].model_validate(stored | {"added_later": 1})

    assert "added_later" not in event.model_dump()


def test_every_field_of_every_type_is_in_a_stored_event_and_nothing_else_is_stored() -> None:
    fields: dict[str, set[str]] = {}
    for path in STORED:
        fields.setdefault(type_of(path), set()).update(json.loads(path.read_text()))

    assert fields == {name: set(kind.model_fields) for name, kind in EVENT_TYPES.items()}


def test_every_type_is_published_on_a_topic_that_exists() -> None:
    assert {kind.topic for kind in EVENT_TYPES.values()} <= TOPICS.keys()


def test_no_type_has_two_owners() -> None:
    owned = [kind.type for kinds in OWNERS.values() for kind in kinds]
    assert len(owned) == len(set(owned))
