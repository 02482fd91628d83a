"""One child process: started in its own session, its output in a log file, stopped in good order."""

import os
import pwd
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from deploy.local.errors import LaunchError

__all__ = ["Child", "Process", "ProcessIdentity", "credentials"]

LOG_LIMIT = 20 * 1024 * 1024  # bytes; a larger log is set aside once at the next start

_NAMES_AN_ERROR = re.compile(r"ERROR|FATAL|Exception|Error\b")
_FRAME = re.compile(r"\s+at .|\s*\.\.\. \d+ (more|common frames)")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process named so that a later process with the same pid is never taken for it."""

    pid: int
    started: float  # seconds since the epoch, as the kernel reports it

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Identity of a running process. psutil.NoSuchProcess if there is none."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """Return the very process that was named, or None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class Process(Protocol):
    """The part of Popen's interface that a child needs."""

    pid: int

    def poll(self) -> int | None:
        """Return None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; subprocess.TimeoutExpired after `timeout` seconds."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, unless it has ended."""


@dataclass(slots=True)
class Child:
    """A process this launcher starts, watches and stops.

    `name` is for programs, `label` is what a person reads. `stop_signal` asks it to end in good order;
    SIGKILL follows after `patience` seconds. Children of a higher `tier` use those of lower ones and stop
    before them. Of our open files the command inherits `pass_fds` alone, under their numbers.
    """

    name: str
    label: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    cwd: Path = Path("/")
    tier: int = 0
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 20.0
    pass_fds: Sequence[int] = ()
    spawn: Callable[[], Process | None] | None = None
    process: Process | None = None
    log_from: int = field(default=0, init=False)  # bytes of its log from before this start

    def start(self) -> None:
        """Start the process: with `spawn`, where that can, else the command.

        LaunchError if its program is missing or may not run.
        """
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        self.process = (self.spawn() if self.spawn else None) or self._run_command()

    def _run_command(self) -> Process:
        uid, gid, groups = credentials(self.user)
        with self.log.open("ab") as output:
            try:
                return subprocess.Popen(
                    list(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(self.env),
                    cwd=self.cwd,
                    start_new_session=True,
                    pass_fds=self.pass_fds,
                    user=uid,
                    group=gid,
                    extra_groups=groups,
                )
            except OSError as error:
                raise LaunchError(f"不能启动{self.label}（{error}）", "请运行 make setup 重新安装") from error

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def identity(self) -> ProcessIdentity | None:
        """Its identity while it runs."""
        if self.process is None or self.process.poll() is not None:
            return None
        try:
            return ProcessIdentity.of(self.process.pid)
        except psutil.NoSuchProcess:
            return None

    def ask_to_stop(self) -> None:
        """Send the signal that makes it end in good order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Ask it to end and wait; kill its whole group if it does not end in time."""
        self.ask_to_stop()
        self.wait()

    def wait(self) -> None:
        """Wait for its end; kill its whole group if it does not end in time."""
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                self.process.wait(self.patience)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    def reason(self) -> str:
        """The line of its log, since it was started, that says why it ended: the last that names an error.

        Never a frame of Java's stack. Where no line names one, the last; where there is none, nothing.
        """
        with suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self.log_from)
            lines = [line.strip() for line in log if line.strip() and not _FRAME.match(line)]
            named = [line for line in lines if _NAMES_AN_ERROR.search(line)]
            return (named or lines or [""])[-1].removeprefix("Caused by: ")
        return ""

    def last_lines(self, count: int = 3) -> str:
        """Return the end of its log, for an error message."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-count:])


def credentials(user: str | None) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and further groups that make subprocess run a program as `user`; all None for ourselves."""
    if user is None:
        return None, None, None
    account = pwd.getpwnam(user)
    return account.pw_uid, account.pw_gid, []
