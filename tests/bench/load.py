"""The load: `python -m tests.bench.load`, a process of its own; a job as JSON in, what came of it out.

Two models. Closed: a number of keep-alive connections, each with one request in flight, until a count is
reached; it measures throughput. Open: requests at a constant rate whatever the server does, each timed from
the instant it was due; it measures latency, with nothing omitted because the server was slow.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from shared.ids import uuid7
from tests.bench.feeds import watch_feeds
from tests.bench.payloads import body_of
from tests.support.root import ROOT

__all__ = ["Job", "Outcome", "run_load"]

PATIENCE = 60.0  # seconds for the last replies and feed events
CONNECTIONS = 64


@dataclass(frozen=True)
class Job:
    """Registrations to send to `port`; with a `rate` (per second) open, else closed.

    With a `feed_port`, the live feeds of `units` are followed there, and an open job also times each
    complaint until its unit's feed tells it.
    """

    port: int
    count: int
    rate: float | None = None
    connections: int = CONNECTIONS
    categories: Sequence[str] = ()
    feed_port: int | None = None
    units: Sequence[str] = ()
    token: str = ""


@dataclass
class Outcome:
    """Instants are of the machine's monotonic clock, which all processes share."""

    started: float = 0.0
    finished: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    told: list[tuple[float, float]] = field(default_factory=list)
    """When each complaint was due, and how many seconds later its unit's feed told it."""

    @property
    def accepted(self) -> int:
        """How many were answered with 201."""
        return self.statuses.get("201", 0)

    @property
    def rate(self) -> float:
        """Accepted per second."""
        return self.accepted / (self.finished - self.started)


async def run_load(job: Job) -> Outcome:
    """Run a job in a process of its own. RuntimeError if it failed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.load"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, errors = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode != 0:
        raise RuntimeError(f"load failed: {errors.decode(errors='replace')[-2000:]}")
    return Outcome(**json.loads(out))


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, on_reply: "Callable[[_Connection, bytes, bytes], None]") -> None:
        self._on_reply = on_reply
        self._buffer = b""
        self.tag = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def send(self, request: bytes, tag: int = 0) -> None:
        assert self.transport is not None
        self.tag = tag
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        place = data.find(b"content-length: ", 0, end)
        length = int(data[place + 16 : data.find(b"\r", place)])
        if len(data) >= end + 4 + length:
            self._buffer = b""
            self._on_reply(self, data[9:12], data[end + 4 :])


def _requests(job: Job) -> list[bytes]:
    run = uuid7().hex
    head = (
        f"POST /api/complaints HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {run}-"
    ).encode()
    bodies = (body_of(number, job.categories) for number in range(job.count))
    return [
        b"%b%d\r\nContent-Length: %d\r\n\r\n%b" % (head, number, len(body), body)
        for number, body in enumerate(bodies)
    ]


async def _connect(job: Job, on_reply: Callable[[_Connection, bytes, bytes], None]) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: _Connection(on_reply), "127.0.0.1", job.port)
        for _ in range(job.connections)
    ]
    return [protocol for _, protocol in pairs]


async def _closed(job: Job) -> Outcome:
    outcome = Outcome()
    done = asyncio.Event()
    waiting = iter(_requests(job))
    missing = job.count

    def reply(connection: _Connection, status: bytes, _body: bytes) -> None:
        nonlocal missing
        _count(outcome, status)
        missing -= 1
        if (request := next(waiting, None)) is not None:
            connection.send(request)
        elif not missing:
            done.set()

    connections = await _connect(job, reply)
    outcome.started = time.monotonic()
    for connection in connections:
        if (request := next(waiting, None)) is not None:
            connection.send(request)
    await done.wait()
    outcome.finished = time.monotonic()
    return outcome


class _Open:
    """The open model: request number n is due n / rate seconds after the start."""

    def __init__(self, job: Job, rate: float) -> None:
        self._job = job
        self._rate = rate
        self._requests = _requests(job)
        self._outcome = Outcome()
        self._replied: dict[str, int] = {}
        self._idle: deque[_Connection] = deque()  # each in its turn: one left idle would be closed
        self._queue: deque[int] = deque()
        self._done = asyncio.Event()

    async def run(self) -> Outcome:
        job, outcome = self._job, self._outcome
        self._idle += await _connect(job, self._reply)
        async with watch_feeds(job.feed_port, job.units, job.token) as seen:
            self._schedule()
            await asyncio.wait_for(self._done.wait(), job.count / self._rate + PATIENCE)
            outcome.finished = time.monotonic()
            if job.feed_port is not None:
                await seen.wait_for(self._replied.keys(), PATIENCE)
        outcome.told = [
            (self._due(number), seen.at[key] - self._due(number))
            for key, number in self._replied.items()
            if key in seen.at
        ]
        return outcome

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._outcome.started = time.monotonic() + 0.1
        offset = loop.time() - time.monotonic()
        for number in range(self._job.count):
            loop.call_at(self._due(number) + offset, self._fire, number)

    def _due(self, number: int) -> float:
        return self._outcome.started + number / self._rate

    def _fire(self, number: int) -> None:
        if self._idle:
            self._idle.popleft().send(self._requests[number], number)
        else:
            self._queue.append(number)

    def _reply(self, connection: _Connection, status: bytes, body: bytes) -> None:
        _count(self._outcome, status)
        self._replied[json.loads(body).get("complaint_id", str(connection.tag))] = connection.tag
        if len(self._replied) == self._job.count:
            self._done.set()
        if self._queue:
            number = self._queue.popleft()
            connection.send(self._requests[number], number)
        else:
            self._idle.append(connection)


def _count(outcome: Outcome, status: bytes) -> None:
    code = status.decode()
    outcome.statuses[code] = outcome.statuses.get(code, 0) + 1


def main() -> None:
    """Do the job on standard input and tell its outcome on standard output."""
    given: dict[str, Any] = json.load(sys.stdin)
    job = Job(**given)
    outcome = uvloop.run(_Open(job, job.rate).run() if job.rate else _closed(job))
    json.dump(asdict(outcome), sys.stdout)


if __name__ == "__main__":
    main()
