"""What the commands print, how they end, and that a person never sees a trace."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner, Result
from werkzeug import Request, Response

from deploy.auditor import kafka_log
from deploy.auditor import run as auditing
from deploy.auditor.facts import Log
from deploy.auditor.kafka_log import Kafka
from deploy.auditor.run import Installation
from deploy.cli import app, main
from deploy.client import TOKEN_VARIABLE
from deploy.local.errors import LaunchError
from deploy.local.places import free_ports
from deploy.terminal import printable
from shared.deadletters import MOST_LISTED
from tests.support.import_files import HEADER, row, write_workbook

LETTER = {
    "id": "0192f3c0-0000-7000-8000-000000000001",
    "topic": "complaint.events",
    "partition": 3,
    "offset": 17,
    "key": None,
    "seq": None,
    "reason": "payload",
    "detail": "not UTF-8 \x1b[31m",
    "received_at": "2026-11-23T09:00:00Z",
    "settled_at": None,
    "settled_as": None,
}
STATEMENT: dict[str, Any] = {
    "month": "2019-04",
    "rule_book_version": 1,
    "units": [
        {
            "unit": "维修分公司",
            "total_fen": -12500,
            "entries": [
                {
                    "case": "HY-1904-000001-X",
                    "clause": "C-NO-REPLY",
                    "amount_fen": -12500,
                    "evidence": ["0192f3c0-0000-7000-8000-000000000002"],
                    "explanation": "时限 5 个工作日，晚 2 个工作日：125.00 元",
                }
            ],
        },
        {"unit": "宾馆", "total_fen": 0, "entries": []},
    ],
}


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HTTPServer:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv(TOKEN_VARIABLE, "secret")
    monkeypatch.setenv("HUIYING_URL", httpserver.url_for("").rstrip("/"))
    return httpserver


def run(*arguments: str, columns: int = 200) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns)})


def said(result: Result) -> str:
    assert isinstance(result.exception, LaunchError), result
    return result.exception.line()


def offer(server: HTTPServer, path: str, content: Any, method: str = "GET") -> None:
    server.expect_request(path, method=method).respond_with_json(content)


def answer_in_turn(server: HTTPServer, path: str, answers: list[Any]) -> None:
    """Give the answers one after the other, the last one for ever."""
    left = list(answers)

    def answer(_request: Request) -> Response:
        return Response(json.dumps(left.pop(0) if len(left) > 1 else left[0]))

    server.expect_request(path).respond_with_handler(answer)


def test_a_dry_run_with_json_prints_one_object_and_sends_nothing(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "a.xlsx", [row(1), row(2)])

    result = run("import", str(file), "--dry-run", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "read": 2,
        "accepted": 2,
        "already_there": 0,
        "refused": 0,
        "error_workbook": None,
        "answers": {"accepted": 2, "already_there": 0, "refused": 0},
        "unknown_categories": [],
        "unused_columns": [],
        "dry_run": True,
        "in_progress": None,
    }


def test_refused_rows_are_named_and_end_with_their_own_exit_code(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "a.xlsx", [row(1), row(2, 留言时间="昨天\x07")])

    result = run("import", str(file), "--dry-run")

    assert result.exit_code == 2
    assert "第 3 行：留言时间：“昨天\\x07”不是有效的时间" in result.stderr
    assert str(tmp_path / "a.错误.xlsx") in result.stderr


def test_what_became_of_an_import_is_told_where_its_error_workbook_cannot_be_written(
    server: HTTPServer, tmp_path: Path
) -> None:
    refused = {"outcome": "refused", "reasons": [{"field": "text", "message": "太长"}]}
    offer(server, "/api/imports", {"rows": [{"external_id": "1"} | refused]}, "POST")
    file = write_workbook(tmp_path / f"{'长' * 80}.xlsx", [row(1)])  # a longer name does not fit

    result = run("import", str(file), "--json", "--no-wait")

    report = json.loads(result.stdout)
    assert (result.exit_code, report["refused"], report["error_workbook"]) == (2, 1, None)
    assert "第 2 行：留言详情：太长" in result.stderr
    assert "不能写入错误表" in result.stderr
    assert "名称太长" in result.stderr


def test_an_import_waits_until_all_is_assigned_answered_and_scored(
    server: HTTPServer, tmp_path: Path
) -> None:
    accepted = {"rows": [{"external_id": "1", "outcome": "accepted", "reasons": []}]}
    offer(server, "/api/imports", accepted, "POST")
    offer(server, "/dispatch/api/answers/import", {"rows": [{"outcome": "accepted"}]}, "POST")
    offer(server, "/dispatch/api/answers/imported", [])
    behind, there = {"registered": 1}, {"answered": 1}
    answer_in_turn(server, "/api/imports/progress", [{"states": one} for one in (behind, behind, there)])
    scored = [{"assigned": 0, "answered": 0}, {"assigned": 1, "answered": 0}, {"assigned": 1, "answered": 1}]
    answer_in_turn(server, "/assessment/api/imports/progress", scored)
    file = write_workbook(tmp_path / "a.xlsx", [row(1)])

    result = run("import", str(file), "--json")

    assert (result.exit_code, json.loads(result.stdout)["in_progress"]) == (0, 0)


def test_a_bad_file_ends_the_command_in_one_line_without_a_trace(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "a.xlsx", [row(1)[:4]], header=HEADER[:4])
    command = [sys.executable, "-m", "deploy.cli", "import", str(file), "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    found = "留言编号、留言用户、留言主题、留言时间"
    assert done.stderr == f"错误：缺少列：留言详情。表头（第 1 行）里有：{found}。没有导入任何内容\n"


def test_a_statement_with_json_is_the_installations_own(server: HTTPServer) -> None:
    offer(server, "/assessment/api/statements/2019-04", STATEMENT)

    assert json.loads(run("statement", "--month", "2019-04", "--json").stdout) == STATEMENT


def test_a_statement_shows_units_with_their_amounts(server: HTTPServer) -> None:
    offer(server, "/assessment/api/statements/2019-04", STATEMENT)

    lines = run("statement", "--month", "2019-04").stdout.splitlines()

    assert any("维修分公司" in line and "-125.00 元" in line for line in lines)
    assert any("宾馆" in line and "0.00 元" in line for line in lines)


def test_a_units_statement_shows_clause_amount_arithmetic_and_evidence(server: HTTPServer) -> None:
    offer(server, "/assessment/api/statements/2019-04", STATEMENT)

    shown = run("statement", "--month", "2019-04", "--unit", "维修分公司").stdout

    for part in ("C-NO-REPLY", "-125.00 元", "晚 2 个工作日", "0192f3c0-0000-7000-8000-000000000002"):
        assert part in shown


def test_a_frozen_statement_says_so_and_names_what_concerns_the_whole_month(server: HTTPServer) -> None:
    entry = STATEMENT["units"][0]["entries"][0]
    credit = entry | {"case": None, "clause": "C-MONTH-CAP", "amount_fen": 2500}
    unit = STATEMENT["units"][0] | {"total_fen": -10000, "entries": [entry, credit]}
    frozen = STATEMENT | {"frozen_at": "2019-05-08T02:00:00Z", "units": [unit]}
    offer(server, "/assessment/api/statements/2019-04", frozen)

    shown = run("statement", "--month", "2019-04", "--unit", "维修分公司").stdout

    assert "2019-04 考核表（细则第 1 版，已冻结）" in shown
    assert "整月　C-MONTH-CAP　25.00 元" in shown


def test_an_unknown_unit_is_answered_with_the_choices(server: HTTPServer) -> None:
    offer(server, "/assessment/api/statements/2019-04", STATEMENT)

    line = said(run("statement", "--month", "2019-04", "--unit", "食堂"))

    assert line == "没有单位“食堂”。可以是：维修分公司、宾馆"


@pytest.mark.parametrize("month", ["2019-13", "2019-4", "201904", "四月", "../x"])
def test_what_is_no_month_is_said_before_anything_is_asked(month: str) -> None:
    assert "应像 2019-04" in said(run("statement", "--month", month))


def test_evidence_can_be_shown(server: HTTPServer) -> None:
    event_id = "0192f3c0-0000-7000-8000-000000000002"
    offer(server, f"/assessment/api/evidence/{event_id}", {"event_id": event_id})

    assert json.loads(run("evidence", event_id, "--json").stdout) == {"event_id": event_id}


def test_evidence_that_is_none_is_said_so(server: HTTPServer) -> None:
    server.expect_request(f"/assessment/api/evidence/{UUID(int=1)}").respond_with_json({}, 404)

    assert "没有依据" in said(run("evidence", str(UUID(int=1))))


def offer_letters(server: HTTPServer) -> None:
    for prefix in ("", "/assessment", "/notify"):
        offer(server, f"{prefix}/api/dead-letters", [])
        server.expect_request(f"{prefix}/api/dead-letters/{LETTER['id']}").respond_with_json({}, 404)
    offer(server, "/dispatch/api/dead-letters", [LETTER])
    whole = LETTER | {"headers": {"ce_type": "x"}, "body": "\x1b]0;x\x07garbage"}
    offer(server, f"/dispatch/api/dead-letters/{LETTER['id']}", whole)


def test_dead_letters_of_all_services_are_listed(server: HTTPServer) -> None:
    offer_letters(server)

    listed = json.loads(run("dead", "list", "--json").stdout)

    assert [(one["service"], one["id"]) for one in listed] == [("dispatch", LETTER["id"])]
    assert json.loads(run("dead", "list", "--json", "--service", "notify").stdout) == []
    assert "没有死信" in run("dead", "list", "--service", "intake").stdout


def test_a_listed_dead_letter_has_an_id_to_copy_at_any_width(server: HTTPServer) -> None:
    offer(server, "/notify/api/dead-letters", [LETTER | {"detail": "太长" * 500, "key": None}])

    for columns in (20, 80, 200):
        shown = run("dead", "list", "--service", "notify", columns=columns).stdout
        assert shown.split()[0] == LETTER["id"]
        assert "键：无" in shown
        assert len(shown) < 500


@pytest.mark.parametrize(("number", "more"), [(MOST_LISTED, True), (MOST_LISTED - 1, False)])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_list_of_dead_letters_that_is_cut_short_says_so(
    server: HTTPServer, number: int, more: bool, form: tuple[str, ...]
) -> None:
    offer(server, "/dispatch/api/dead-letters", [LETTER] * number)
    offer(server, "/api/dead-letters", [LETTER])

    for service in ("dispatch", "intake"):
        listed = run("dead", "list", "--service", service, *form)
        told = "dispatch 只显示最早的 200 条死信" in listed.stderr
        assert told is (more and service == "dispatch")
        assert "只显示" not in listed.stdout


def test_why_a_dead_letter_is_one_is_said_in_words(server: HTTPServer) -> None:
    offer_letters(server)

    for command in (["list"], ["show", LETTER["id"]]):
        assert "内容不符合事件的约定" in run("dead", *map(str, command)).stdout


def test_a_dead_letter_cannot_play_tricks_on_the_terminal(server: HTTPServer) -> None:
    offer_letters(server)

    for command in (["list"], ["show", LETTER["id"]]):
        shown = run("dead", *map(str, command)).stdout
        assert "\x1b" not in shown
        assert "\\x1b" in shown


def test_a_dead_letter_is_replayed_or_discarded_where_it_lies(server: HTTPServer) -> None:
    offer_letters(server)
    path = f"/dispatch/api/dead-letters/{LETTER['id']}"
    offer(server, f"{path}/replay", {"state": "replayed"}, "POST")
    server.expect_request(f"{path}/discard", method="POST", json={"reason": "测试数据"}).respond_with_json(
        {"state": "discarded"}
    )

    replayed = json.loads(run("dead", "replay", str(LETTER["id"]), "--json").stdout)
    discarded = run("dead", "discard", str(LETTER["id"]), "--reason", "测试数据")

    assert replayed == {"service": "dispatch", "id": LETTER["id"], "state": "replayed"}
    assert discarded.exit_code == 0, discarded


def test_a_dead_letter_that_is_none_and_a_service_that_is_none_are_said_so(server: HTTPServer) -> None:
    offer_letters(server)
    server.expect_request("/dispatch/api/dead-letters/" + str(UUID(int=1))).respond_with_json({}, 404)
    for prefix in ("", "/assessment", "/notify"):
        server.expect_request(f"{prefix}/api/dead-letters/{UUID(int=1)}").respond_with_json({}, 404)

    assert "没有死信" in said(run("dead", "show", str(UUID(int=1))))
    assert "可以是：intake" in said(run("dead", "list", "--service", "mail"))


def test_nothing_is_shown_as_nothing() -> None:
    assert printable(None) == ""
    assert printable("一\n\t二") == "一\n\t二"


def cannot_audit(*arguments: str) -> str:
    result = run("audit", *arguments)
    assert isinstance(result.exception, LaunchError), result
    assert result.exception.exit_code == 3
    return result.exception.line()


@pytest.fixture
def nowhere(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> int:
    """Settings under which the auditor finds nobody, and the port where nobody is."""
    (port,) = free_ports(1)
    for service in ("INTAKE", "DISPATCH", "ASSESSMENT", "NOTIFY"):
        monkeypatch.setenv(f"HUIYING_AUDIT_{service}_DATABASE_URL", f"postgresql://a:b@127.0.0.1:{port}/x")
    monkeypatch.setenv("HUIYING_KAFKA_BOOTSTRAP", f"127.0.0.1:{port}")
    return port


def test_an_audit_that_cannot_read_has_an_exit_code_of_its_own(nowhere: int, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    (tmp_path / "words").write_text("{}\n")

    assert "审计时读不到数据（连不上数据库）" in cannot_audit()
    assert "没有这个文件：" in cannot_audit("--ledger", str(tmp_path / "none"))
    assert "是文件夹，不是文件" in cannot_audit("--ledger", str(tmp_path))
    assert "不是 UTF-8 文本" in cannot_audit("--ledger", str(tmp_path / "binary"))
    assert "第 1 行" in cannot_audit("--ledger", str(tmp_path / "words"))
    assert "地址不对" in cannot_audit("--url", "http://127.0.0.1:99999")


def test_an_audit_without_kafka_says_where_it_looked(nowhere: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def without_databases(installation: Installation, **_settings: object) -> Log:
        return await Kafka(installation.kafka).positions()

    monkeypatch.setattr(kafka_log, "_SILENCE_LIMIT", 0.0)
    monkeypatch.setattr(auditing, "audit", without_databases)

    assert f"审计时读不到数据（连不上 Kafka 127.0.0.1:{nowhere}）" in cannot_audit()


def test_its_exit_code_reaches_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["huiying", "audit", "--url", "http://[bad"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3


def test_a_pipe_is_no_file_to_import(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")

    assert "不是普通文件" in said(run("import", str(tmp_path / "x.csv"), "--dry-run"))
