"""Starts services by fork from one process that has imported what they share.

Importing it takes some three seconds of processor time, which four services would each spend at every start;
forked, they spend it once and share its memory. Each service still is a process of its own with its own
session, log and environment, imports its own code itself, and outlives this one, which ends once all run.

Run as `python -m deploy.local.forkserver`: reads one JSON request per line, answers one pid per line, ends
with its input. Single-threaded when it forks.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil

from deploy.local.children import ProcessIdentity

__all__ = ["ForkServer", "ForkedProcess"]

PRELOAD = (
    "deploy.commands.serve",
    "shared.httpapp",
    "shared.server",
    "uvicorn.loops.auto",
    "uvicorn.protocols.websockets.auto",
    "uvicorn.lifespan.on",
)
ROOT = Path(__file__).resolve().parents[2]
SET_NAME = 15  # PR_SET_NAME of prctl(2)


class ForkedProcess:
    """A forked service, with the part of Popen's interface that the launcher uses.

    It is not our child, so its exit code is unknown: -1.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._identity: ProcessIdentity | None = ProcessIdentity.of(pid)
        except psutil.NoSuchProcess:
            self._identity = None

    def poll(self) -> int | None:
        """Return None while it runs."""
        return -1 if self._process() is None else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; subprocess.TimeoutExpired after `timeout` seconds."""
        give_up = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while self.poll() is None:
            if time.monotonic() > give_up:
                raise subprocess.TimeoutExpired("forked service", timeout or 0.0)
            time.sleep(0.02)
        return -1

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        process = self._process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _process(self) -> psutil.Process | None:
        return self._identity.process() if self._identity else None


class ForkServer:
    """The launcher's side. Starting costs nothing; the first `fork` waits for the imports."""

    def __init__(self, log: Path) -> None:
        self._lock = threading.Lock()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local.forkserver"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def fork(self, service: str, port: int, env: Mapping[str, str], log: Path) -> ForkedProcess | None:
        """Do what `huiying serve` does in a forked process; None if this server has ended."""
        request = {"service": service, "port": port, "env": dict(env), "log": str(log)}
        sink, source = self._process.stdin, self._process.stdout
        if sink is None or source is None:
            return None
        with self._lock:
            try:
                sink.write(json.dumps(request).encode() + b"\n")
                sink.flush()
                answer = source.readline()
            except (OSError, ValueError):
                return None
        return ForkedProcess(int(answer)) if answer.strip() else None

    def close(self) -> None:
        """End the server; what it forked goes on."""
        with self._lock:
            self._process.terminate()
            self._process.communicate()


def main() -> None:
    """Import, then fork on request until the input ends."""
    for name in PRELOAD:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps what we forked
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for line in requests:
        request = json.loads(line)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _become(request)
        answers.write(f"{pid}\n".encode())
        answers.flush()


def _become(request: dict[str, Any]) -> NoReturn:
    """Be the requested service, in this forked process, until it ends."""
    from deploy.commands.serve import ServiceName, serve  # noqa: PLC0415 - not for the launcher's side

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(request["env"])
    _show_name(request["service"])
    code: object = 0
    try:
        serve(ServiceName(request["service"]), port=request["port"])
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - the last frame of this process
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _show_name(name: str) -> None:
    """Let ps and top show which service this is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_NAME, f"huiying-{name}".encode()[:15], 0, 0, 0)


if __name__ == "__main__":
    main()
