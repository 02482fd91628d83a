"""An import that talks to an installation: batches, outcomes, refusals, an interruption."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from python_calamine import CalamineWorkbook
from werkzeug import Request, Response

from deploy.client import Client
from deploy.importing.run import Job, Report, open_job
from deploy.importing.sending import ANSWERS, BATCH_BYTES, BATCH_ROWS, COMPLAINTS, UnknownCategory
from deploy.local.errors import LaunchError
from shared.clock import SystemClock
from tests.support.import_files import HEADER, row, write_workbook


@dataclass
class Installation:
    """Remembers what was sent, and answers as the services do."""

    complaints: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    refused: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    refused_answers: dict[str, str] = field(default_factory=dict)
    fails_from: int = 10**9

    def register(self, request: Request) -> Response:
        rows = json.loads(request.data)["rows"]
        self.batches.append(len(rows))
        if len(self.batches) >= self.fails_from:
            return Response(json.dumps({"detail": "内部错误"}), 500)
        outcomes = []
        for one in rows:
            reasons = self.refused.get(one["external_id"], [])
            if one.get("category") == "别处的类别":
                reasons = [{"field": "category", "message": "没有这个类别"}]
            outcomes.append(
                {"external_id": one["external_id"], "reasons": reasons}
                | self.keep(self.complaints, one, reasons)
            )
        return Response(json.dumps({"rows": outcomes}), 200)

    def answer(self, request: Request) -> Response:
        outcomes = []
        for one in json.loads(request.data)["rows"]:
            assert one["external_id"] in self.complaints, "the answer came before its complaint"
            reason = self.refused_answers.get(one["external_id"])
            outcomes.append({"reason": reason} | self.keep(self.answers, one, reason))
        return Response(json.dumps({"rows": outcomes}), 200)

    @staticmethod
    def keep(kept: dict[str, Any], one: Any, refusal: object) -> dict[str, str]:
        if refusal:
            return {"outcome": "refused"}
        known = one["external_id"] in kept
        kept[one["external_id"]] = one
        return {"outcome": "already_there" if known else "accepted"}


@pytest.fixture
def installation(httpserver: HTTPServer) -> Installation:
    made = Installation()
    httpserver.expect_request(COMPLAINTS, method="POST").respond_with_handler(made.register)
    httpserver.expect_request(ANSWERS, method="POST").respond_with_handler(made.answer)
    return made


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[Client]:
    with Client(httpserver.url_for(""), "secret", patience=0) as made:
        yield made


def job(tmp_path: Path, *rows: list[Any], header: tuple[str, ...] = HEADER) -> Job:
    file = write_workbook(tmp_path / "a.xlsx", rows, header)
    return open_job(file, "message-board", SystemClock().now())


def carry_out(client: Client, job: Job) -> Report:
    advanced: list[int] = []
    report = job.carry_out(client, advanced.append)
    assert sum(advanced) == len(job.entries)
    return report


def test_a_second_import_of_the_same_file_changes_nothing(
    tmp_path: Path, installation: Installation, client: Client
) -> None:
    rows = [row(number) for number in range(1, BATCH_ROWS + 2)]

    first, second = (carry_out(client, job(tmp_path, *rows)) for _ in range(2))

    total = len(rows)
    assert installation.batches == [BATCH_ROWS, 1, BATCH_ROWS, 1]
    assert first.as_json() == {
        "read": total,
        "accepted": total,
        "already_there": 0,
        "refused": 0,
        "error_workbook": None,
        "answers": {"accepted": total, "already_there": 0, "refused": 0},
        "unknown_categories": (),
        "unused_columns": (),
        "dry_run": False,
        "in_progress": None,
    }
    assert (second.accepted, second.already_there, second.answers["already_there"]) == (0, total, total)


def test_large_texts_go_in_smaller_batches(
    tmp_path: Path, installation: Installation, client: Client
) -> None:
    text = "长" * 20_000
    rows = [row(number, 留言详情=text) for number in range(1, 61)]

    carry_out(client, job(tmp_path, *rows))

    assert sum(installation.batches) == 60
    assert max(installation.batches) * len(text.encode()) <= BATCH_BYTES


def test_refusals_of_file_and_installation_come_back_together(
    tmp_path: Path, installation: Installation, client: Client
) -> None:
    installation.refused = {"3": [{"field": "registered_at", "message": "不行"}]}
    installation.refused_answers = {"4": "这件反映已经有答复"}
    rows = [row(1), row(2, 答复时间="2019/3/1"), row(3), row(4)]

    report = carry_out(client, job(tmp_path, *rows))

    assert (report.read, report.accepted, report.refused) == (4, 2, 2)
    assert report.answers == {"accepted": 1, "already_there": 0, "refused": 1}
    assert not report.all_in
    assert set(installation.complaints) == {"1", "4"}
    assert report.error_workbook == str(tmp_path / "a.错误.xlsx")
    lines = CalamineWorkbook.from_path(tmp_path / "a.错误.xlsx").get_sheet_by_index(0).to_python()
    assert [line[7:] for line in lines] == [
        ["行号", "原因"],
        [3, "答复时间：早于留言时间"],
        [4, "留言时间：不行"],
        [5, "答复意见：这件反映已经有答复"],
    ]


def test_a_category_of_another_system_does_not_keep_a_complaint_out(
    tmp_path: Path, installation: Installation, client: Client
) -> None:
    report = carry_out(
        client, job(tmp_path, [*row(1), "别处的类别"], [*row(2), "water.leak"], header=(*HEADER, "类别"))
    )

    assert (report.accepted, report.unknown_categories) == (2, (UnknownCategory(2, "别处的类别"),))
    assert "category" not in installation.complaints["1"]
    assert installation.complaints["2"]["category"] == "water.leak"


def test_an_interrupted_import_says_how_far_it_came_and_is_finished_by_the_next(
    tmp_path: Path, installation: Installation, client: Client
) -> None:
    installation.fails_from = 2
    whole = job(tmp_path, *[row(number) for number in range(1, 2 * BATCH_ROWS + 1)])

    with pytest.raises(LaunchError) as broken:
        whole.carry_out(client, lambda _count: None)
    installation.fails_from = 10**9
    report = carry_out(client, whole)

    assert "内部错误" in broken.value.line()
    assert f"已登记 {BATCH_ROWS} 条" in broken.value.line()
    assert (report.accepted, report.already_there) == (BATCH_ROWS, BATCH_ROWS)


def test_ctrl_c_says_how_far_it_came(tmp_path: Path, installation: Installation, client: Client) -> None:
    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    whole = job(tmp_path, *[row(number) for number in range(1, 2 * BATCH_ROWS + 1)])

    with pytest.raises(LaunchError, match="导入中断") as interrupted:
        whole.carry_out(client, interrupt)

    assert f"已登记 {BATCH_ROWS} 条" in interrupted.value.line()


def test_a_rehearsal_sends_nothing(tmp_path: Path, installation: Installation) -> None:
    report = job(tmp_path, row(1), row(2, 留言时间="?"), row(3, 答复意见="", 答复时间="")).rehearse()

    assert (report.read, report.accepted, report.refused, report.dry_run) == (3, 2, 1, True)
    assert report.answers["accepted"] == 1
    assert installation.batches == []


def test_a_header_alone_is_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="只有表头"):
        job(tmp_path)


@pytest.mark.parametrize("source", [" hot ", "ho\x1bt\n", "\u200bhot\u3000"])
def test_a_source_is_cleaned_once_for_complaints_and_answers(tmp_path: Path, source: str) -> None:
    file = write_workbook(tmp_path / "a.xlsx", [row(1)])

    whole = open_job(file, source, SystemClock().now())

    (entry,) = whole.entries
    assert entry.answer is not None
    assert (entry.complaint.source, entry.answer.source, whole.sources) == ("hot", "hot", {"hot"})


@pytest.mark.parametrize(
    ("source", "why"), [(" \u200b", "是空的"), ("a\x00", "空字符 NUL"), ("长" * 101, "最多 100 个字")]
)
def test_a_source_that_is_no_name_is_refused_before_anything_is_sent(
    tmp_path: Path, source: str, why: str
) -> None:
    with pytest.raises(LaunchError, match=rf"--source .*{why}"):
        open_job(tmp_path / "a.xlsx", source, SystemClock().now())
