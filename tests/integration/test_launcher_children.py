"""The launcher's children: they are watched, started again, stopped in order and reclaimed."""

import os
import sys
import time
from pathlib import Path

import pytest

from deploy.local import supervisor as supervisors
from deploy.local.children import Child, ProcessIdentity
from deploy.local.java import Java
from deploy.local.kafka_parts import CHECKPOINT, KafkaParts, format_checkpoint
from deploy.local.orphans import MARK, reclaim, record_running
from deploy.local.postgres import Postgres
from deploy.local.supervisor import Supervisor
from tests.support.wait import eventually_sync


def python(code: str, folder: Path, name: str = "child", **settings: object) -> Child:
    command = [sys.executable, "-c", code]
    return Child(name, name, command, folder / f"{name}.log", env=dict(os.environ), **settings)  # type: ignore[arg-type]


WAIT = (
    "import signal; signal.signal(signal.SIGTERM, lambda *_: exit()); print('up', flush=True); signal.pause()"
)
STUBBORN = WAIT.replace("lambda *_: exit()", "signal.SIG_IGN")


def is_up(child: Child) -> bool:
    return "up" in child.last_lines()


def test_a_child_ends_in_good_order(tmp_path: Path) -> None:
    child = python(WAIT, tmp_path)
    child.start()
    eventually_sync(lambda: is_up(child))
    identity = child.identity()

    child.stop()

    assert identity is not None
    assert identity.process() is None


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    child = python(STUBBORN, tmp_path, patience=0.2)
    child.start()
    eventually_sync(lambda: is_up(child))

    child.stop()

    assert not child.alive


def test_a_child_that_ends_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(record=lambda _: None, say=said.append)
    child = python("exit(1)", tmp_path)
    supervisor.start(child)
    watched = supervisor._watched["child"]

    def restarted() -> bool:
        supervisor._look_after(watched)
        watched.restart_at = time.monotonic() if watched.restart_at else None
        return watched.pause >= 4

    eventually_sync(restarted)
    supervisor.stop()

    pauses = [line.split("，")[1].split()[0] for line in said]
    assert pauses[:3] == ["0.5", "1", "2"]


def test_a_child_that_was_started_again_and_stays_is_said_to_be_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "STEADY", 0.1)
    said: list[str] = []
    supervisor = Supervisor(record=lambda _: None, say=said.append)
    child = python(WAIT, tmp_path)
    supervisor.start(child)
    watched = supervisor._watched["child"]
    assert child.process is not None
    child.process.kill()

    def back() -> bool:
        supervisor._look_after(watched)
        return said[-1:] == ["child 已恢复"]

    eventually_sync(back)
    supervisor.stop()

    assert len(said) == 2


def test_children_that_use_others_are_stopped_before_them(tmp_path: Path) -> None:
    supervisor = Supervisor(record=lambda _: None, say=lambda _: None)
    order: list[str] = []

    class Noting(Child):
        def ask_to_stop(self) -> None:
            order.append(self.name)
            super().ask_to_stop()

    for name, tier in (("store", 0), ("service", 1), ("gateway", 2)):
        command = [sys.executable, "-c", WAIT]
        supervisor.start(
            Noting(name, name, command, tmp_path / f"{name}.log", env=dict(os.environ), tier=tier)
        )
    supervisor.stop()

    assert order == ["gateway", "service", "store"]


def test_only_the_recorded_processes_are_reclaimed(tmp_path: Path) -> None:
    ours, other = python(WAIT, tmp_path, "intake"), python(WAIT, tmp_path, "other")
    for child in (ours, other):
        child.start()
        eventually_sync(lambda child=child: is_up(child))
    mine, theirs = ours.identity(), other.identity()
    assert mine is not None
    assert theirs is not None
    reused = ProcessIdentity(theirs.pid, theirs.started - 1000)
    record_running(tmp_path, {"intake": mine, "dispatch": reused})

    assert reclaim(tmp_path, "no-such-id") == ["intake"]

    assert not ours.alive
    assert other.alive
    assert reclaim(tmp_path, "no-such-id") == []
    other.stop()


def test_a_process_that_was_not_recorded_in_time_is_known_by_its_mark(tmp_path: Path) -> None:
    marked, other = python(WAIT, tmp_path, "marked"), python(WAIT, tmp_path, "other")
    marked.env = {**os.environ, MARK: "this-very-installation"}
    for child in (marked, other):
        child.start()
        eventually_sync(lambda child=child: is_up(child))

    assert reclaim(tmp_path, "this-very-installation") == ["other"]

    assert not marked.alive
    assert other.alive
    other.stop()


def test_what_prepares_a_first_start_does_not_hear_the_ctrl_c_of_the_terminal(tmp_path: Path) -> None:
    told = "import os, sys; open(sys.argv[-1] + '/told', 'w').write(str(os.getsid(0)))"
    initdb = tmp_path / "initdb"
    initdb.write_text(f"#!{sys.executable}\nimport sys\nsys.argv = sys.argv[:3]\n{told}\n")
    initdb.chmod(0o755)
    parts = KafkaParts(tmp_path / "parts", ())
    parts.folder.mkdir()
    told_as_checkpoint = told.replace("told", CHECKPOINT)

    Postgres(tmp_path, 1, "secret")._initdb(initdb, tmp_path, None)
    command = [sys.executable, "-c", told_as_checkpoint, str(tmp_path)]
    format_checkpoint(parts, Java(Path("java"), "25"), command, tmp_path)

    assert (tmp_path / "told").read_text() != str(os.getsid(0))
    assert parts.checkpoint.read_text() != str(os.getsid(0))


KAFKA_FAILED = """
2026-11-28T08:00:00 [main] INFO kafka.Server - starting
2026-11-28T08:00:01 [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception
java.lang.RuntimeException: cannot start
\tat kafka.log.LogManager.<init>(LogManager.scala:10)
Caused by: java.io.IOException: 磁盘 /data 不能写
\tat kafka.Kafka.main(Kafka.scala)
\t... 3 more
"""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (KAFKA_FAILED, "java.io.IOException: 磁盘 /data 不能写"),
        (
            "FATAL:  could not create lock file\nLOG:  database system is shut down\n",
            "FATAL:  could not create",
        ),
        ("first\n\nlast\n\n", "last"),
        ("", ""),
    ],
)
def test_why_a_child_ended_is_the_line_of_this_start_that_names_an_error(
    tmp_path: Path, said: str, why: str
) -> None:
    child = python(f"print({said!r})", tmp_path)
    child.log.write_text("IllegalStateException: of the start before\n")
    child.env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    child.start()
    child.wait()

    assert child.reason().startswith(why)
    assert "before" not in child.reason()


def test_a_child_that_was_never_started_has_no_reason(tmp_path: Path) -> None:
    assert python("", tmp_path).reason() == ""
