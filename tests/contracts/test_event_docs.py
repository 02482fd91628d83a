"""The documents of the events say what the contracts say."""

import json
from pathlib import Path

import pytest

from deploy import event_docs
from shared.contracts.registry import EVENT_TYPES


@pytest.mark.parametrize("path", event_docs.documents(), ids=lambda path: path.name)
def test_the_committed_document_is_what_the_contracts_generate(path: Path) -> None:
    assert path.read_text() == event_docs.documents()[path], "run make docs"


def test_asyncapi_describes_every_type_and_each_reference_resolves() -> None:
    text = event_docs.asyncapi()
    document = json.loads(text)

    assert {each["name"] for each in document["components"]["messages"].values()} == set(EVENT_TYPES)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
