"""What every test may use, and what the report says of the servers behind it."""

import gc
import os
from collections.abc import Generator

import pytest

from tests.support import infrastructure
from tests.support.infrastructure import kafka, make_topic, postgres, topic_prefix

__all__ = ["kafka", "make_topic", "postgres", "topic_prefix"]

EXAMPLES = {"quick": 30, "campaign": 1000}  # of a property, by Hypothesis profile
SLOW = {"integration": "integration", "e2e": "e2e", "faults": "faults"}  # folder -> marker


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--fsync off`, for runs in which no test depends on durability."""
    parser.addoption("--fsync", choices=["on", "off"], default="on", help="fsync of the embedded PostgreSQL")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run in the process that starts the workers; choose how many examples a property gets."""
    if not hasattr(config, "workerinput"):
        infrastructure.start_run()
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _choose_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def _choose_profile(name: str) -> None:
    from hypothesis import settings  # where tests run, and not where workers are only watched

    for profile, examples in EXAMPLES.items():
        settings.register_profile(profile, max_examples=examples, deadline=None)
    settings.load_profile(name)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End every server of the run."""
    if not hasattr(config, "workerinput"):
        infrastructure.stop_run()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say where Kafka and PostgreSQL would come from."""
    return [] if hasattr(config, "workerinput") else infrastructure.plan()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which servers were used."""
    for line in infrastructure.used():
        terminalreporter.write_line(f"used {line}")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is imported: it is here to stay, and looking is a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the folder it lies in."""
    for item in items:
        for folder, marker in SLOW.items():
            if f"/tests/{folder}/" in item.path.as_posix():
                item.add_marker(marker)
