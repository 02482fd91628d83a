"""Servers under measurement, each a process of its own, served as every replica is."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local.places import free_ports
from tests.support.root import ROOT
from tests.support.wait import eventually

__all__ = ["Server", "paused", "running_server"]


@dataclass(frozen=True)
class Server:
    """A running process that answers on `port`."""

    name: str
    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    def check(self) -> None:
        """RuntimeError, with the end of its log, if it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text(errors='replace')[-2000:]}")

    async def ready(self) -> bool:
        """Whether it says that it is ready."""
        self.check()
        async with httpx.AsyncClient(timeout=5) as client:
            try:
                answer = await client.get(f"http://127.0.0.1:{self.port}/readyz")
            except httpx.HTTPError:
                return False
        assert answer.status_code == 200, answer.text
        return True

    async def stop(self) -> None:
        """Ask it to end and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self.process.wait, 25)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _start(name: str, factory: str, environment: Mapping[str, str], folder: Path) -> Server:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.bench.serve", factory, str(port)]
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(name, port, log, process)


@asynccontextmanager
async def running_server(
    name: str, factory: str, environment: Mapping[str, str], folder: Path, *, wait: bool = True
) -> AsyncIterator[Server]:
    """Run `factory` for the length of the block, with `environment` besides ours; ready unless not `wait`."""
    server = _start(name, factory, environment, folder)
    try:
        if wait:
            await eventually(server.ready, timeout=90, pause=0.05)
        yield server
    finally:
        await server.stop()


@contextmanager
def paused(servers: Sequence[Server]) -> Iterator[None]:
    """Keep servers from using a core for the length of the block; short enough to keep their sessions."""
    for server in servers:
        server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGCONT)
