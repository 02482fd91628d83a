"""Holds one server for a test run: `python -m tests.support.holder KIND FILE OWNER_PID DURABLE`.

Its own process, so that the workers of pytest-xdist can share it. It writes its address to FILE, and stops
the server when it is told to (SIGTERM) or when the process OWNER_PID has ended, whatever ended it.
"""

import json
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

from deploy.local.errors import LaunchError
from tests.support.servers import start

LOOK_EVERY = 1.0  # seconds between two looks at the owner


def main(arguments: Sequence[str]) -> None:
    """Start the server, say where, and hold it."""
    kind, file, owner, durable = arguments
    answer = Path(file)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which then ends us
    folder = answer.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        server = start(kind, folder, durable=durable == "on")
    except LaunchError as error:
        _write(answer, {"error": error.line()})
        raise SystemExit(error.line()) from error
    try:
        _write(answer, {"address": server.address, "description": server.description})
        while psutil.pid_exists(int(owner)) and not told.wait(LOOK_EVERY):
            continue
    finally:
        server.stop()
        if not psutil.pid_exists(int(owner)):  # nobody else removes what a killed run left
            shutil.rmtree(answer.parent, ignore_errors=True)


def _write(answer: Path, content: dict[str, str]) -> None:
    fresh = answer.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(answer)


if __name__ == "__main__":
    main(sys.argv[1:])
