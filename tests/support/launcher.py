"""A whole installation for a test, started as a person starts it: `huiying up` in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from deploy.local.descriptor import Descriptor
from deploy.local.orphans import reclaim
from deploy.local.places import free_ports
from deploy.local.postgres import ROOTS_PLACE
from tests.support.root import ROOT
from tests.support.wait import eventually_sync

__all__ = ["Launched", "run_up"]

START_LIMIT = 240.0  # seconds; the first start on a machine downloads Kafka


@dataclass
class Launched:
    """`huiying up` with a data folder in `folder`; stopped, and its data removed, at the end of the block.

    The user's state folder is `folder / "state"`, so that tests do not see each other's installations.
    """

    folder: Path
    options: tuple[str, ...] = ("--no-demo",)
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which commands find this installation."""
        return {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "HUIYING_URL": self.url}

    @property
    def descriptor_file(self) -> Path:
        """What the launcher tells commands on this machine."""
        return self.folder / "state" / "huiying" / f"127.0.0.1_{self.port}.json"

    @property
    def descriptor(self) -> Descriptor:
        """The running installation's addresses, processes and token."""
        return Descriptor(**json.loads(self.descriptor_file.read_text()))

    @property
    def output(self) -> str:
        """What the launcher has printed."""
        return (self.folder / "up.log").read_text()

    def start(self) -> Self:
        """Start it and wait until it says that it is up."""
        process = self.begin()
        try:
            eventually_sync(
                lambda: self.descriptor_file.exists() or process.poll() is not None, START_LIMIT, pause=0.05
            )
            assert process.poll() is None, self.output
        except BaseException:
            self.stop()
            raise
        return self

    def begin(self) -> subprocess.Popen[bytes]:
        """Start it without waiting."""
        self.descriptor_file.unlink(missing_ok=True)  # of a launcher that was killed
        log = self.folder / "up.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command(self.port, self.data_dir, *self.options),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.process

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit code; with SIGKILL its children go on."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(90)
        self.process = None
        return code

    def kill(self, name: str) -> None:
        """Kill one of its processes with SIGKILL, by the name in the descriptor."""
        psutil.Process(self.descriptor.pids[name]).kill()

    def client(self) -> httpx.Client:
        """A browserless client of the gateway."""
        return httpx.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.stop()
        self.remove()

    def remove(self) -> None:
        """End what still runs, and remove what lies outside the test's own folder."""
        file = self.data_dir / "installation.json"
        if file.exists():
            installation = json.loads(file.read_text())["id"]
            reclaim(self.data_dir, installation)  # what a killed launcher left
            shutil.rmtree(ROOTS_PLACE / installation, ignore_errors=True)


def command(port: int, data_dir: Path, *options: str) -> list[str]:
    """The command line of `huiying up`."""
    where = ["--port", str(port), "--data-dir", str(data_dir)]
    return [sys.executable, "-m", "deploy.cli", "up", *where, *options]


def run_up(port: int, data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `huiying up` where it cannot start, and return what it says."""
    return subprocess.run(
        command(port, data_dir, *options), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
