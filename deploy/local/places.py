"""Folders and ports of this machine that the launcher may use."""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.errors import LaunchError, cause_of

__all__ = [
    "cache_home",
    "check_port",
    "claim_port",
    "exclusive",
    "free_ports",
    "make_folder",
    "port_is_free",
    "state_home",
    "write_private",
]

LOOPBACK = "127.0.0.1"
BACKLOG = 1024  # connections that wait to be accepted
LOWEST_PORT, USUAL_OUTGOING_PORT = 15000, 32768


def cache_home() -> Path:
    """Where downloaded and once-made parts are kept: `$XDG_CACHE_HOME/huiying`."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_home() -> Path:
    """Where descriptors of running installations are kept: `$XDG_STATE_HOME/huiying`."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, default: str) -> Path:
    configured = os.environ.get(variable, "")
    base = Path(configured) if configured.startswith("/") else Path.home() / default
    return base / "huiying"


def make_folder(folder: Path, mode: int = 0o700) -> Path:
    """Make `folder` and its parents. LaunchError where that is not allowed."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(
            f"不能写入文件夹 {folder}（{cause_of(error)}）", "请换一个可写的位置，或检查权限与磁盘空间"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LaunchError(f"不能写入文件夹 {folder}", "请换一个可写的位置，或检查权限")
    return folder


def write_private(file: Path, content: str | Mapping[str, Any]) -> None:
    """Write text, or JSON, that only this user may read, whole or not at all."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
    fresh = file.with_name(f"{file.name}.new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as output:
            output.write(text)
            output.flush()
            os.fsync(output.fileno())
        fresh.replace(file)
    except OSError as error:
        raise LaunchError(f"不能写入 {file}（{cause_of(error)}）", "请检查权限与磁盘空间") from error


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold `lock` (a file) against other processes; waits for its turn, ends with the process."""
    make_folder(lock.parent)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def free_ports(count: int, *, but: Collection[int] = ()) -> list[int]:
    """`count` different loopback ports, none of `but`, that nobody listens on at this moment.

    From below those that the system gives to outgoing connections: one of these could take the port of a
    server that is about to start again, and keep it.
    """
    found: list[int] = []
    while len(found) < count:
        port = LOWEST_PORT + secrets.randbelow(_lowest_outgoing_port() - LOWEST_PORT)
        if port not in found and port not in but and port_is_free(port):
            found.append(port)
    return found


def _lowest_outgoing_port() -> int:
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        lowest = USUAL_OUTGOING_PORT
    return lowest if lowest > LOWEST_PORT + 1000 else USUAL_OUTGOING_PORT


def check_port(port: int) -> None:
    """Return if a server of ours could listen on this loopback port now; else LaunchError."""
    with socket.socket() as probe, _refusals(port):
        _bind(probe, port)


def claim_port(port: int) -> socket.socket:
    """Listen on this loopback port, for a server of ours to inherit; nobody else can until it is closed.

    A server that binds the port itself might ask to share it (SO_REUSEPORT), as two gateways would.
    LaunchError if somebody else has it.
    """
    door = socket.socket()
    try:
        with _refusals(port):
            _bind(door, port)
            door.listen(BACKLOG)
    except LaunchError:
        door.close()
        raise
    return door


def _bind(socket_: socket.socket, port: int) -> None:
    socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may linger
    socket_.bind((LOOPBACK, port))


@contextmanager
def _refusals(port: int) -> Iterator[None]:
    """Say in Chinese why the system does not give the port."""
    try:
        yield
    except PermissionError as error:
        raise LaunchError(f"没有权限使用端口 {port}", "请用 --port 换一个 1024 以上的端口") from error
    except OSError as error:
        raise LaunchError(
            f"端口 {port} 已被别的程序占用", "请停止那个程序，或用 --port 换一个端口"
        ) from error


def port_is_free(port: int) -> bool:
    """Whether a server of ours could listen on this loopback port now."""
    try:
        check_port(port)
    except LaunchError:
        return False
    return True
