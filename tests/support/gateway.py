"""The real gateway before the services of one test."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.places import LOOPBACK, free_ports, port_is_free
from deploy.local.services import CADDYFILE
from tests.support.system import ALL, System
from tests.support.wait import eventually

__all__ = ["gateway"]

UNTIL_INPUT_ENDS = '"$@" 2>&1 & read _; kill $!; wait'
"""Run a command until standard input ends, as it does when the test process ends, however it ends."""


@asynccontextmanager
async def gateway(system: System, home: Path) -> AsyncIterator[str]:
    """Serve the first replica of each service of `system` under one address, and return it."""
    port, nowhere = free_ports(2)
    addresses = {
        f"HUIYING_{name.upper()}": urlsplit(system.services[name].url).netloc
        if name in system.services
        else f"{LOOPBACK}:{nowhere}"
        for name in ALL
    }
    env = {
        "PATH": os.defpath,
        "HOME": str(home),
        "HUIYING_SITE": f"http://:{port}",
        "HUIYING_BIND": LOOPBACK,
        **addresses,
    }
    program = Path(sys.executable).with_name("caddy")
    arguments = (program, "run", "--config", CADDYFILE, "--adapter", "caddyfile")
    log = (home / "gateway.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", UNTIL_INPUT_ENDS, "sh", *map(str, arguments), cwd=home, env=env, stdin=PIPE, stdout=log
    )
    assert process.stdin is not None
    try:
        await eventually(lambda: not port_is_free(port), timeout=20)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.stdin.close()
        await process.wait()
        log.close()
