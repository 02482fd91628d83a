"""The launcher's parts: what they promise without any server."""

import errno
import json
import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from deploy.databases import database_url
from deploy.local import installation as installations
from deploy.local import places
from deploy.local.children import Child, ProcessIdentity
from deploy.local.descriptor import Descriptor, find_descriptor, remove_descriptor, write_descriptor
from deploy.local.errors import LaunchError
from deploy.local.installation import Demonstration, choose_ports, open_installation
from deploy.local.java import find_java
from deploy.local.kafka import new_cluster_id
from deploy.local.orphans import STORES
from deploy.local.places import claim_port, free_ports, make_folder, port_is_free
from deploy.local.postgres import Postgres
from deploy.local.up import Launch, _Run


def test_a_missing_program_is_a_clear_error(tmp_path: Path) -> None:
    child = Child("kafka", "Kafka", ["/no/such/program"], tmp_path / "log")

    with pytest.raises(LaunchError, match="不能启动Kafka"):
        child.start()


def test_a_process_is_not_taken_for_another_with_its_number() -> None:
    me = ProcessIdentity.of(os.getpid())

    assert me.process() is not None
    assert ProcessIdentity(me.pid, me.started - 100).process() is None


def test_an_installation_keeps_its_identity_and_its_secrets(tmp_path: Path) -> None:
    with open_installation(tmp_path / "data") as first:
        first.ports = {"kafka": 1}
        first.save()
    with open_installation(tmp_path / "data") as second:
        assert second == first

    assert stat.S_IMODE((tmp_path / "data" / "installation.json").stat().st_mode) == 0o600


def test_a_data_folder_is_opened_once_at_a_time(tmp_path: Path) -> None:
    with (
        open_installation(tmp_path),
        pytest.raises(LaunchError, match="另一个 huiying up"),
        open_installation(tmp_path),
    ):
        pass


def test_why_a_folder_cannot_be_made_is_said_in_chinese(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for folder, why in ((tmp_path / "file", "已有同名的文件"), (tmp_path / "file" / "x", "不是文件夹")):
        with pytest.raises(LaunchError, match=why):
            make_folder(folder)


@pytest.mark.parametrize("name", ["x" * 300, "本" * 100])
def test_a_data_folder_of_too_long_a_name_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(LaunchError, match="名称太长"):
        Launch(1, tmp_path / name, demo=False).run()
    with pytest.raises(LaunchError, match="名称太长"), open_installation(tmp_path / name):
        pass


@pytest.mark.parametrize("doing", ["stat", "iterdir", "open"])
def test_a_data_folder_one_may_not_enter_or_read_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    real = getattr(Path, doing)

    def forbidden(path: Path, *more: Any, **named: Any) -> Any:
        if path in {tmp_path, tmp_path / "lock", tmp_path / "installation.json"}:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *more, **named)

    (tmp_path / "installation.json").write_text("{}")
    monkeypatch.setattr(Path, doing, forbidden)
    with pytest.raises(LaunchError, match=r"不能使用数据文件夹.*（没有权限）"):
        Launch(1, tmp_path, demo=False).run()


def test_a_folder_where_the_lock_belongs_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()

    with pytest.raises(LaunchError, match="是文件夹，不是文件"), open_installation(tmp_path):
        pass


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "[]", "null", b"\xff\xfe", '"id"'])
def test_a_broken_installation_file_is_a_clear_error(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "installation.json").write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(LaunchError, match=r"不能读取 .*（不是.* JSON"), open_installation(tmp_path):
        pass


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": "../../../tmp/x"}, "id 的内容不对"),
        ({"id": "A" * 16}, "id 的内容不对"),
        ({"id": 7}, "id 的内容不对"),
        ({"cluster_id": None}, "cluster_id 的内容不对"),
        ({"cluster_id": "-x" * 11 + "\n"}, "cluster_id 的内容不对"),
        ({"postgres_password": 1}, "postgres_password 的内容不对"),
        ({"role_passwords": {"huiying_intake": "x"}}, "role_passwords 的内容不对"),
        ({"role_passwords": []}, "role_passwords 的内容不对"),
        ({"ports": {"kafka": "9092"}}, "ports 的内容不对"),
        ({"ports": {"kafka": True}}, "ports 的内容不对"),
        ({"ports": {"kafka": 0}}, "ports 的内容不对"),
        ({"ports": {"kafka": 65536}}, "ports 的内容不对"),
        ({"ports": [9092]}, "ports 的内容不对"),
        ({"migrated": {"intake": 1}}, "migrated 的内容不对"),
        ({"administrator_password": None}, "administrator_password 的内容不对"),
        ({"demonstration": "perhaps"}, "demonstration 的内容不对"),
        ({"demonstration": []}, "demonstration 的内容不对"),
        ({"colour": "red"}, "有不认识的内容 colour"),
    ],
)
def test_what_an_installation_file_must_not_say_is_named(
    tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    with open_installation(tmp_path):
        pass
    file = tmp_path / "installation.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    with pytest.raises(LaunchError, match=f"不能读取 {file}（{why}"), open_installation(tmp_path):
        pass


def test_what_an_installation_file_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "installation.json").write_text('{"id": "0123456789abcdef", "ports": {}}')

    with pytest.raises(LaunchError, match="缺少 cluster_id、demonstration"), open_installation(tmp_path):
        pass


def test_a_database_folder_without_its_mark_is_a_clear_error_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "base").write_text("kept")

    with pytest.raises(LaunchError, match="不完整（缺少 PG_VERSION）"):
        Postgres(folder, 1, "secret").child(tmp_path / "log")

    assert [each.name for each in tmp_path.iterdir()] == ["postgres"]


def test_whether_there_is_a_demonstration_is_decided_anew_while_nothing_was_put_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def decided(*, demo: bool, put_in: bool = False) -> Demonstration:
        with open_installation(tmp_path) as installation:
            run = _Run(Launch(1, tmp_path, demo=demo), installation)
            run._decide_on_demonstration()
            if put_in:
                installation.save()
            return installation.demonstration

    assert decided(demo=True) is Demonstration.WANTED
    assert decided(demo=False) is Demonstration.DECLINED
    assert decided(demo=True, put_in=True) is Demonstration.WANTED
    assert "演示账号" not in capsys.readouterr().out
    assert decided(demo=False) is Demonstration.WANTED
    assert "演示账号在以前启动时已经放入" in capsys.readouterr().out


def test_inner_ports_are_kept_while_they_are_free(tmp_path: Path) -> None:
    with open_installation(tmp_path) as installation:
        choose_ports(installation, 8080)
        before = dict(installation.ports)
        choose_ports(installation, 8080)

        assert installation.ports == before
        assert len(set(before.values())) == len(installations.PORTS)


def test_no_two_servers_get_one_port_whatever_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(range(15000, 15010))
    monkeypatch.setattr(places, "port_is_free", lambda _port: True)
    monkeypatch.setattr(installations, "port_is_free", lambda _port: True)
    monkeypatch.setattr(places.secrets, "randbelow", lambda _limit: next(drawn) - places.LOWEST_PORT)
    with open_installation(tmp_path) as installation:
        installation.ports = {"kafka": 15000, "postgres": 15001, "intake": 15001, "notify": 15002}
        choose_ports(installation, 15002)

        kept = {"kafka": 15000, "postgres": 15001}
        assert installation.ports == installation.ports | kept
        assert list(installation.ports) == list(installations.PORTS)
        assert len({15002, *installation.ports.values()}) == len(installations.PORTS) + 1


def test_a_port_somebody_listens_on_is_not_free() -> None:
    (port,) = free_ports(1)

    assert port_is_free(port)


def test_a_claimed_port_is_nobody_elses_and_listens() -> None:
    (port,) = free_ports(1)
    with claim_port(port), socket.socket() as sharing:
        with pytest.raises(LaunchError, match=f"端口 {port} 已被别的程序占用"):
            claim_port(port)
        sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as a gateway would
        with pytest.raises(OSError, match="in use"):
            sharing.bind(("127.0.0.1", port))
        socket.create_connection(("127.0.0.1", port)).close()

    claim_port(port).close()


def described(url: str) -> Descriptor:
    return Descriptor(url, "/data", {}, {}, "127.0.0.1:9092", {}, {"kafka": 1}, "token")


def test_a_descriptor_is_found_by_any_name_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = write_descriptor(described("http://127.0.0.1:8080"))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert find_descriptor("http://localhost:8080/") == described("http://127.0.0.1:8080")
    assert find_descriptor("http://127.0.0.1:8081") is None

    remove_descriptor("http://127.0.0.1:8080")
    assert find_descriptor("http://127.0.0.1:8080") is None


def test_a_broken_descriptor_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    write_descriptor(described("http://127.0.0.1:8080")).write_text(json.dumps({"url": 1}))

    with pytest.raises(LaunchError, match="不能读取"):
        find_descriptor("http://127.0.0.1:8080")


def test_the_java_of_the_wheel_is_used_where_java_home_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    (tmp_path / "release").write_text('JAVA_VERSION="17.0.1"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java().program != tmp_path / "bin" / "java"

    (tmp_path / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="26"\n')
    assert find_java().program == tmp_path / "bin" / "java"


def test_cluster_ids_never_look_like_an_option() -> None:
    assert all(len(found) == 22 and found[0] == "H" for found in (new_cluster_id() for _ in range(500)))


def test_passwords_are_safe_in_addresses() -> None:
    url = database_url(
        "postgresql://x@127.0.0.1:5432/postgres", "huiying_intake", "huiying_intake", "a@b:c/d?e"
    )

    assert url == "postgresql://huiying_intake:a%40b%3Ac%2Fd%3Fe@127.0.0.1:5432/huiying_intake"


def test_stop_signals_are_those_the_stores_end_well_on() -> None:
    assert STORES == {"kafka": signal.SIGTERM, "postgres": signal.SIGINT}
