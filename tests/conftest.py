"""What every test may use, and what the report says of the servers behind it."""

import pytest

from tests.support import infrastructure
from tests.support.infrastructure import kafka, make_topic, postgres, topic_prefix

__all__ = ["kafka", "make_topic", "postgres", "topic_prefix"]

SLOW = {"integration": "integration", "e2e": "e2e", "faults": "faults"}  # folder -> marker


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--fsync off`, for runs in which no test depends on durability."""
    parser.addoption("--fsync", choices=["on", "off"], default="on", help="fsync of the embedded PostgreSQL")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run in the process that starts the workers."""
    if not hasattr(config, "workerinput"):
        infrastructure.start_run()


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the folder it lies in."""
    for item in items:
        for folder, marker in SLOW.items():
            if f"/tests/{folder}/" in item.path.as_posix():
                item.add_marker(marker)
