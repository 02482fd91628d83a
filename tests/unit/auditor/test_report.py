"""What an audit says to a program, to a person, and to a shell."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from deploy.auditor.conservation import Reply
from deploy.auditor.replies import read_replies
from deploy.auditor.run import judge
from deploy.auditor.table import show
from deploy.commands import audit as command
from deploy.local.errors import LaunchError
from tests.support.audit_world import World, sound_world


def shown(world: World, *, strict: bool = False) -> str:
    screen = io.StringIO()
    show(judge(world.snapshot(), strict=strict), Console(file=screen, width=140))
    return screen.getvalue()


def test_json_names_every_invariant_with_its_count() -> None:
    report = json.loads(json.dumps(judge(sound_world().snapshot()).as_json()))

    assert report["ok"] is True
    assert report["nothing_checked"] == []
    assert report["in_flight"] == {"unpublished": 0, "lag": 0, "waiting": 0}
    first = report["invariants"][0]
    assert first == {"id": "I1", "title": first["title"], "checked": 3, "violations": [], "in_flight": 0}


def test_json_names_what_is_wrong_and_with_whom() -> None:
    world = sound_world()
    lost = world.complaints.pop(0)

    report = judge(world.snapshot()).as_json()

    assert report["ok"] is False
    (violation,) = report["invariants"][0]["violations"]
    assert violation["ids"] == [lost.id]
    assert "幂等键 key-open" in violation["problem"]


def test_a_sound_installation_reads_as_such() -> None:
    text = shown(sound_world())

    assert text.count("通过") == 7
    assert "没有发现问题" in text


def test_a_broken_one_shows_the_first_violations_and_how_many_more() -> None:
    world = sound_world()
    for number in range(20):
        world.register(f"[bold]{number}")
    world.cases.clear()

    text = shown(world)

    assert "没有派给任何单位" in text
    assert "还有 13 处，完整清单见 --json" in text
    assert "发现问题" in text


def test_nothing_checked_is_said() -> None:
    assert "什么也没查到" in shown(World(), strict=True)


def test_what_is_under_way_and_apart_is_said() -> None:
    world = sound_world()
    world.register("unanswered", origin="history")
    world.pending["notify"] = {("assignment.events", "x"): {1: 1.0}}

    text = shown(world)

    assert "1 件历史反映没有记录答复" in text
    assert "1 个事件在等待" in text


def test_without_descriptor_and_addresses_the_missing_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("HUIYING_KAFKA_BOOTSTRAP", raising=False)
    app = Typer()
    command.register(app)

    result = CliRunner().invoke(app, ["--url", "http://127.0.0.1:9"])

    assert isinstance(result.exception, LaunchError)
    assert "HUIYING_AUDIT_INTAKE_DATABASE_URL" in result.exception.line()
    assert "HUIYING_KAFKA_BOOTSTRAP" in result.exception.line()


def test_a_ledger_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text('{"key": "a", "status": null}\n\n{"key": "b", "status": 201, "number": "HY"}\n')
    assert read_replies(file) == [Reply("a", None, None, None), Reply("b", 201, None, "HY")]

    file.write_text('{"key": "a", "status": 201}\nnonsense\n')
    with pytest.raises(ValueError, match="第 2 行"):
        read_replies(file)
