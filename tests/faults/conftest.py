"""One installation for all trials, started as a person starts it."""

import os
from collections.abc import Iterator

import pytest

from tests.support.trials import Breakable, Trial


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "armed").mkdir()
    with Breakable(folder) as running:
        yield running


@pytest.fixture
def trial(installation: Breakable, request: pytest.FixtureRequest) -> Trial:
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return Trial(installation, f"{name}-{os.getpid()}")
