"""`huiying up`, from the first start to the last."""

import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from deploy.databases import SERVICES
from deploy.local.places import free_ports
from tests.support.launcher import Launched, run_up
from tests.support.wait import eventually, eventually_sync

pytestmark = pytest.mark.timeout(600)

NAMES = {"kafka", "postgres", *SERVICES, "gateway"}


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with Launched(tmp_path_factory.mktemp("launched")) as running:
        yield running


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code < 500
    except httpx.TransportError:
        return False


def test_every_service_answers_at_one_address(launched: Launched) -> None:
    with launched.client() as client:
        codes = {path: client.get(path).status_code for path in ("/", "/dispatch", "/assessment", "/notify")}

    assert all(code < 500 for code in codes.values()), codes
    assert codes["/"] == 200


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/metrics", "//readyz", "/x/../metrics", "/READYZ", "/livez/"]
)
def test_the_inner_pages_are_not_shown_to_the_world(launched: Launched, path: str) -> None:
    with socket.create_connection(("127.0.0.1", launched.port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        status = raw.makefile("rb").readline().split()[1]

    assert status == b"404"


def test_commands_on_this_machine_find_it_and_others_may_not_read_it(launched: Launched) -> None:
    descriptor = launched.descriptor

    assert stat.S_IMODE(launched.descriptor_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((launched.data_dir / "installation.json").stat().st_mode) == 0o600
    assert descriptor.url == launched.url
    assert descriptor.pids.keys() == NAMES
    assert all(psutil.pid_exists(pid) for pid in descriptor.pids.values())


def test_only_loopback_is_listened_on(launched: Launched) -> None:
    mine = set(launched.descriptor.pids.values())
    open_to = {
        each.laddr.ip
        for each in psutil.net_connections("inet")
        if each.pid in mine and each.status == "LISTEN"
    }

    assert open_to <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_services_share_what_they_import_and_nothing_else_stays_for_that(tmp_path: Path) -> None:
    with Launched(tmp_path) as fresh:
        started = {psutil.Process(fresh.descriptor.pids[name]).cmdline()[-1] for name in SERVICES}
        assert fresh.process is not None
        left = [child.cmdline()[-1] for child in psutil.Process(fresh.process.pid).children()]

    assert started == {"deploy.local.forkserver"}
    assert left
    assert "deploy.local.forkserver" not in left


async def test_the_auditor_reads_every_database_and_writes_none(launched: Launched) -> None:
    for url in launched.descriptor.auditor.values():
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("DELETE FROM alembic_version")
        finally:
            await connection.close()


async def test_no_service_may_enter_another_ones_database(launched: Launched) -> None:
    own = launched.descriptor.databases["intake"]
    other = own.removesuffix("huiying_intake") + "huiying_dispatch"

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(other)


@pytest.mark.parametrize("name", ["intake", "kafka", "postgres", "gateway"])
async def test_a_killed_process_comes_back(launched: Launched, name: str) -> None:
    before = launched.descriptor.pids[name]
    launched.kill(name)

    await eventually(lambda: launched.descriptor.pids.get(name, before) != before, timeout=30)
    await eventually(lambda: answers(f"{launched.url}/"), timeout=30)
    await eventually(lambda: takes_connections(launched), timeout=30)  # pages may come from memory


async def takes_connections(launched: Launched) -> bool:
    try:
        connection = await asyncpg.connect(launched.descriptor.databases["intake"])
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def test_the_same_data_folder_twice_is_one_clear_line(launched: Launched) -> None:
    done = run_up(launched.port, launched.data_dir)

    assert done.returncode == 1
    assert "正由另一个 huiying up 使用" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_clear_line(launched: Launched, tmp_path: Path) -> None:
    done = run_up(launched.port, tmp_path / "data")

    assert done.returncode == 1
    assert not (tmp_path / "data").exists()
    assert f"端口 {launched.port} 已被别的程序占用" in done.stderr
    assert "Traceback" not in done.stderr


def test_of_two_started_at_once_on_one_port_one_comes_up_alone(tmp_path: Path) -> None:
    both = [Launched(tmp_path / name) for name in ("one", "other")]
    both[1].port = both[0].port
    try:
        for each in both:
            each.folder.mkdir()
            each.begin()
        (ended,) = eventually_sync(
            lambda: [each for each in both if each.process and each.process.poll() is not None], timeout=240
        )
        (running,) = [each for each in both if each is not ended]
        eventually_sync(running.descriptor_file.exists, timeout=240)

        assert ended.process is not None
        assert ended.process.returncode == 1
        assert f"端口 {ended.port} 已被别的程序占用" in ended.output
        assert not (ended.data_dir / "running.json").exists()
        assert answers(running.url)
    finally:
        for each in both:
            each.stop()
            each.remove()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    (port,) = free_ports(1)
    done = run_up(port, tmp_path)

    assert done.returncode == 1
    assert "已有别的内容" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_one_clear_line() -> None:
    (port,) = free_ports(1)
    done = run_up(port, Path("/proc/huiying"))

    assert done.returncode == 1
    assert "不能写入文件夹 /proc/huiying" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_killed_launcher_is_cleaned_up_after_and_nothing_is_lost(tmp_path: Path) -> None:
    launched = Launched(tmp_path)
    launched.begin()  # killed in the middle of its first start, then later
    running = launched.data_dir / "running.json"
    eventually_sync(lambda: running.exists() and "postgres" in running.read_text(), timeout=120)
    launched.stop(signal.SIGKILL)

    with launched:
        connection = await asyncpg.connect(launched.descriptor.databases["intake"])
        await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('回应')")
        await connection.close()
        left_behind = launched.descriptor.pids
        launched.stop(signal.SIGKILL)
        assert all(psutil.pid_exists(pid) for pid in left_behind.values())

        launched.start()

        assert "已收回遗留的进程" in launched.output
        assert not set(left_behind.values()) & set(launched.descriptor.pids.values())
        connection = await asyncpg.connect(launched.descriptor.databases["intake"])
        word = await connection.fetchval("SELECT word FROM kept")
        await connection.close()
        assert word == "回应"

        running = launched.descriptor.pids
        assert launched.stop(signal.SIGINT) == 0
        eventually_sync(lambda: not any(psutil.pid_exists(pid) for pid in running.values()))
        assert not launched.descriptor_file.exists()
        assert "Traceback" not in launched.output
