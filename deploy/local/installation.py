"""A data folder: what an installation is, kept from one start to the next.

`installation.json` (mode 0600) holds what must not change (the cluster id, the passwords) and what is kept
where possible (the inner ports). `running.json` names the processes, so that those of a launcher that was
killed are recognised at the next start.
"""

import fcntl
import json
import secrets
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

from deploy.databases import ROLES, SERVICES
from deploy.local.children import ProcessIdentity
from deploy.local.errors import LaunchError
from deploy.local.kafka import new_cluster_id
from deploy.local.places import free_ports, make_folder, port_is_free, write_private

__all__ = ["Demonstration", "Installation", "open_installation", "reclaim", "record_running"]

PORTS = ("kafka", "kafka_controller", "postgres", *SERVICES)
FILE = "installation.json"
RUNNING = "running.json"
STORES = {"kafka": signal.SIGTERM, "postgres": signal.SIGINT}
RECLAIM_LIMIT = 20.0  # seconds an orphan has to end by itself


class Demonstration(StrEnum):
    """Whether demonstration data belong to an installation, decided at its first start."""

    UNDECIDED = "undecided"
    WANTED = "wanted"
    LOADED = "loaded"
    DECLINED = "declined"


@dataclass(slots=True)
class Installation:
    """What `installation.json` says."""

    data_dir: Path
    id: str
    cluster_id: str
    postgres_password: str
    role_passwords: dict[str, str]
    ports: dict[str, int]
    migrated: dict[str, str] = field(default_factory=dict)
    administrator_password: str = ""
    demonstration: Demonstration = Demonstration.UNDECIDED

    def save(self) -> None:
        """Write it, whole or not at all."""
        content = asdict(self)
        del content["data_dir"]
        write_private(self.data_dir / FILE, content)

    def folder(self, name: str) -> Path:
        """A folder of its own inside the data folder, made where it is missing."""
        return make_folder(self.data_dir / name)


@contextmanager
def open_installation(data_dir: Path) -> Iterator[Installation]:
    """Open the installation in `data_dir`, made on first use, for this process alone.

    LaunchError if the folder cannot be written or another `huiying up` has it open.
    """
    make_folder(data_dir)
    with (data_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(
                f"数据文件夹 {data_dir} 正由另一个 huiying up 使用", "请先停止它，或用 --data-dir 另选一个"
            ) from error
        yield _load(data_dir)


def _load(data_dir: Path) -> Installation:
    file = data_dir / FILE
    if not file.exists():
        return _create(data_dir)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        content["demonstration"] = Demonstration(content["demonstration"])
        return Installation(data_dir=data_dir, **content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LaunchError(
            f"不能读取 {file}（{error}）", "请恢复备份，或用 --data-dir 另选一个文件夹"
        ) from error


def _create(data_dir: Path) -> Installation:
    foreign = [each.name for each in data_dir.iterdir() if each.name not in {"lock", f"{FILE}.new", "logs"}]
    if foreign:
        raise LaunchError(
            f"文件夹 {data_dir} 里已有别的内容（{foreign[0]} 等）", "请用 --data-dir 另选一个空文件夹"
        )
    made = Installation(
        data_dir=data_dir,
        id=secrets.token_hex(8),
        cluster_id=new_cluster_id(),
        postgres_password=secrets.token_urlsafe(24),
        role_passwords={role: secrets.token_urlsafe(24) for role in ROLES},
        ports={},
        administrator_password=secrets.token_urlsafe(12),
    )
    made.save()
    return made


def choose_ports(installation: Installation) -> None:
    """Keep the inner ports that are still free and choose others for the rest."""
    fresh = free_ports(len(PORTS))
    kept = {name: port for name, port in installation.ports.items() if port_is_free(port)}
    installation.ports = {name: kept.get(name, port) for name, port in zip(PORTS, fresh, strict=True)}
    installation.save()


def record_running(data_dir: Path, processes: Mapping[str, ProcessIdentity]) -> None:
    """Note which processes belong to this installation."""
    write_private(data_dir / RUNNING, {name: asdict(identity) for name, identity in processes.items()})


def reclaim(data_dir: Path) -> list[str]:
    """End the processes that a killed launcher left behind, and return their names.

    Only processes whose pid and start time are the recorded ones are touched. Kafka and PostgreSQL end last.
    """
    file = data_dir / RUNNING
    if not file.exists():
        return []
    recorded = {name: ProcessIdentity(**each) for name, each in json.loads(file.read_text()).items()}
    orphans = {name: each for name, each in recorded.items() if each.process()}
    _end([each for name, each in orphans.items() if name not in STORES], signal.SIGTERM)
    for name, how in STORES.items():
        _end([each for each in (orphans.get(name),) if each], how)
    file.unlink()
    return list(orphans)


def _end(orphans: Sequence[ProcessIdentity], how: signal.Signals) -> None:
    """Ask them all to end and wait; kill those that do not end in time."""
    _signal(orphans, how)
    give_up = time.monotonic() + RECLAIM_LIMIT
    while any(each.process() for each in orphans):
        if time.monotonic() > give_up:
            _signal(orphans, signal.SIGKILL)
        time.sleep(0.02)


def _signal(orphans: Sequence[ProcessIdentity], how: signal.Signals) -> None:
    for each in orphans:
        process = each.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(how)
