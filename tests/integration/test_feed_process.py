"""A replica as a process of its own: told to stop, it ends its open streams and is gone."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from shared.contracts.dispatch import Role
from tests.support.dispatch_people import Dispatch, Stream, dispatch_app
from tests.support.infrastructure import PostgresServer
from tests.support.root import ROOT
from tests.support.wait import eventually


@asynccontextmanager
async def process(dispatch: Dispatch) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The service as it is run for real, but without a Kafka that answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "DISPATCH_DATABASE_URL": dispatch.desk.dsn,
        "DISPATCH_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    }
    command = ["-m", "deploy.cli", "serve", "dispatch", "--port", str(port)]
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started, f"http://127.0.0.1:{port}"
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/livez")).status_code == 200
        except httpx.HTTPError:
            return False


async def test_a_server_told_to_stop_ends_its_streams_and_is_gone(postgres: PostgresServer) -> None:
    async with dispatch_app(postgres) as dispatch:
        token = await dispatch.token(Role.UNIT_LEADER, "water")
        async with process(dispatch) as (server, url):
            await eventually(lambda: _answers(url), timeout=60)
            async with Stream(f"{url}/dispatch/api/feed/stream", token) as stream:
                await eventually(lambda: stream.open)
                await dispatch.add_case("water")
                await eventually(lambda: stream.positions == [1])
                told = time.monotonic()
                server.send_signal(signal.SIGTERM)
                await eventually(lambda: stream.ended)
                await asyncio.wait_for(server.wait(), 20)

    assert time.monotonic() - told < 15
    assert server.returncode in {0, -signal.SIGTERM}
