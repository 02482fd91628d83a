"""Log lines are JSON on standard output, and a line that cannot be written harms nobody."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.root import ROOT

PROGRAM = """
import logging
from uuid import UUID
from shared import logs
logs.configure("test", "{level}")
log = logs.get_logger("somewhere")
logs.REQUEST_ID.set("r-1")
{body}
"""


def lines_of(body: str, level: str = "INFO") -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(level=level, body=body)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_names_service_event_level_time_and_request() -> None:
    (line,) = lines_of("log.info('request', status=201, route='/单位')")

    assert list(line) == ["service", "status", "route", "event", "request_id", "level", "timestamp"]
    assert (line["service"], line["event"], line["level"], line["route"]) == (
        "test",
        "request",
        "info",
        "/单位",
    )
    assert line["timestamp"].endswith("Z")


def test_standard_logging_comes_the_same_way() -> None:
    (line,) = lines_of("logging.getLogger('library').warning('half of %s', 7)")

    assert (line["service"], line["event"], line["level"]) == ("test", "half of 7", "warning")


def test_a_library_that_repeats_itself_is_heard_once() -> None:
    lines = lines_of(
        "kafka = logging.getLogger('aiokafka.conn')\n"
        "for port in range(500):\n    kafka.error('no broker at %s', port)\n    log.error('ours')\n"
        "logging.getLogger('aiokafka.client').error('other', extra={'left_out': 7})"
    )

    events = [line["event"] for line in lines]
    assert events.count("no broker at 0") == 1
    assert events.count("ours") == 500
    assert len(events) == 502
    assert lines[-1]["left_out"] == 7


def test_the_level_holds_for_both() -> None:
    assert not lines_of("log.info('quiet'); logging.getLogger('library').info('quiet')", "WARNING")


def test_an_exception_brings_its_trace() -> None:
    (line,) = lines_of("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('failed')")

    assert line["level"] == "error"
    assert "ZeroDivisionError" in line["exception"]


def test_what_a_database_quotes_of_a_row_stays_out_of_the_trace() -> None:
    body = (
        "import asyncpg\nerror = asyncpg.NotNullViolationError('null value in column')\n"
        "error.detail = 'Failing row contains (张女士, 13812345678).'\n"
        "try:\n    try:\n        raise error\n    except Exception as cause:\n"
        "        raise ValueError(str(cause)) from cause\n"
        "except ValueError:\n    log.exception('failed')"
    )
    (line,) = lines_of(body)

    assert "null value in column" in line["exception"]
    assert "ValueError" in line["exception"]
    assert "13812345678" not in json.dumps(line)


def test_any_value_can_be_logged() -> None:
    (line,) = lines_of("log.info('odd', at=UUID(int=1), thing=object, half='\\ud800')")

    assert line["at"].endswith("1") or "UUID" in line["at"]
    assert "object" in line["thing"]


def test_a_closed_standard_output_is_no_failure() -> None:
    body = "import os, sys; os.close(1); log.info('lost'); sys.stderr.write('went on')"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(level="INFO", body=body)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.stderr.startswith(b"went on")
