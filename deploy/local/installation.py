"""A data folder: what an installation is, kept from one start to the next.

`installation.json` (mode 0600) holds what must not change (the cluster id, the passwords) and what is kept
where possible (the inner ports).
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.databases import ROLES, SERVICES
from deploy.local.errors import LaunchError, cause_of
from deploy.local.installation_file import Demonstration, read_content
from deploy.local.kafka import new_cluster_id
from deploy.local.places import free_ports, make_folder, port_is_free, write_private

__all__ = ["Demonstration", "Installation", "choose_ports", "is_installed", "open_installation"]

PORTS = ("kafka", "kafka_controller", "postgres", *SERVICES)
FILE = "installation.json"


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

    LaunchError if the folder cannot be used or another `huiying up` has it open.
    """
    make_folder(data_dir)
    with _using(data_dir):
        _check_ours(data_dir)  # before the lock is put into a folder of somebody else
        opened = (data_dir / "lock").open("a+")
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(
                f"数据文件夹 {data_dir} 正由另一个 huiying up 使用", "请先停止它，或用 --data-dir 另选一个"
            ) from error
        yield _load(data_dir)


@contextmanager
def _using(data_dir: Path) -> Iterator[None]:
    """LaunchError where the system refuses what is done in the data folder."""
    try:
        yield
    except OSError as error:
        raise LaunchError(
            f"不能使用数据文件夹 {data_dir}（{cause_of(error)}）", "请检查权限，或用 --data-dir 另选一个"
        ) from error


def _load(data_dir: Path) -> Installation:
    if not is_installed(data_dir):
        return _create(data_dir)
    file = data_dir / FILE
    try:
        content = read_content(file)
    except ValueError as error:
        raise LaunchError(
            f"不能读取 {file}（{error}）", "请恢复备份，或用 --data-dir 另选一个文件夹"
        ) from error
    content["demonstration"] = Demonstration(content["demonstration"])
    return Installation(data_dir=data_dir, **content)


def is_installed(data_dir: Path) -> bool:
    """Whether `data_dir` holds an installation. LaunchError where one may not look."""
    with _using(data_dir):
        try:
            (data_dir / FILE).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _check_ours(data_dir: Path) -> None:
    """Return if the folder holds an installation or nothing but what one begins with; else LaunchError."""
    foreign = [each.name for each in data_dir.iterdir() if each.name not in {"lock", f"{FILE}.new", "logs"}]
    if foreign and not is_installed(data_dir):  # looked at last: another start may just be making it
        raise LaunchError(
            f"文件夹 {data_dir} 里已有别的内容（{foreign[0]} 等）", "请用 --data-dir 另选一个空文件夹"
        )


def _create(data_dir: Path) -> Installation:
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


def choose_ports(installation: Installation, gateway: int) -> None:
    """Keep the inner ports that are still free and choose others for the rest, all different.

    None is `gateway`, the outer one, on which nobody listens yet.
    """
    kept: dict[str, int] = {}
    for name in PORTS:
        port = installation.ports.get(name)
        if port is not None and port not in {gateway, *kept.values()} and port_is_free(port):
            kept[name] = port
    missing = [name for name in PORTS if name not in kept]
    fresh = free_ports(len(missing), but={gateway, *kept.values()})
    chosen = kept | dict(zip(missing, fresh, strict=True))
    installation.ports = {name: chosen[name] for name in PORTS}
    installation.save()
