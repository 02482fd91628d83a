"""From a workbook to a statement, through the commands, the gateway and the four services."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy import demo
from deploy.client import TOKEN_VARIABLE
from services.dispatch.usecases.accounts import mint_command_token
from shared.clock import SystemClock
from shared.database import create_engine, create_sessions, run_unit
from tests.support.gateway import gateway
from tests.support.import_files import row, write_workbook
from tests.support.infrastructure import PostgresServer
from tests.support.system import System, running
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(300)  # four services and a dozen commands

ROWS = 60
UNANSWERED = 5
CONTENT = {
    "intake": "SELECT count(*) FROM complaints",
    "dispatch": "SELECT count(*) FROM cases",
    "assessment": "SELECT count(*) FROM ledger",
}


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Installation:
    """A running system behind its gateway."""

    system: System
    url: str
    token: str
    home: Path

    async def huiying(self, *arguments: str) -> Ended:
        env = {**os.environ, "XDG_STATE_HOME": str(self.home), TOKEN_VARIABLE: self.token}
        command = (sys.executable, "-m", "deploy.cli", *arguments, "--url", self.url)
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=PIPE, stderr=PIPE)
        out, err = await process.communicate()
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return Ended(process.returncode, out.decode(), err.decode())

    async def counts(self) -> dict[str, int]:
        return {name: await self.system.value(name, statement) for name, statement in CONTENT.items()}


@asynccontextmanager
async def installed(kafka: str, postgres: PostgresServer, home: Path) -> AsyncIterator[Installation]:
    async with running(kafka, postgres) as system, gateway(system, home) as url:
        engine = create_engine(system.dsn["dispatch"])
        token = await run_unit(
            create_sessions(engine), lambda session: mint_command_token(session, SystemClock())
        )
        await engine.dispose()
        await eventually(lambda: is_known(system, token), timeout=30)
        yield Installation(system, url, token, home)


async def is_known(system: System, token: str) -> bool:
    """Whether every service has heard of the token's holder."""
    for name in ("intake", "assessment", "notify"):
        async with system.client(name, token) as client:
            prefix = "" if name == "intake" else f"/{name}"
            if (await client.get(f"{prefix}/api/dead-letters")).status_code != 200:
                return False
    return True


def workbook(folder: Path) -> Path:
    """ROWS good rows, every tenth answered late, the last ones not at all; three bad ones between."""
    rows = [
        row(number, 答复时间="2019/4/25 10:00:00") if number % 10 == 0 else row(number)
        for number in range(1, ROWS + 1)
    ]
    for cells in rows[-UNANSWERED:]:
        cells[5:] = ["", ""]
    rows[10:10] = [
        row(901, 留言时间="2019/2/30"),
        row(902, 答复时间="2019/3/31 10:00:00"),
        row(1, 留言详情="同一编号，另一件事"),
    ]
    return write_workbook(folder / "留言.xlsx", rows)


async def test_a_workbook_becomes_assigned_answered_and_scored_cases_once(
    kafka: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    file = workbook(tmp_path)
    async with installed(kafka, postgres, tmp_path) as here:
        first = await here.huiying("import", str(file), "--json")

        assert first.code == 2, first.err
        answers = ROWS - UNANSWERED
        assert first.json == {
            "read": ROWS + 3,
            "accepted": ROWS,
            "already_there": 0,
            "refused": 3,
            "error_workbook": str(tmp_path / "留言.错误.xlsx"),
            "answers": {"accepted": answers, "already_there": 0, "refused": 0},
            "unknown_categories": [],
            "unused_columns": [],
            "dry_run": False,
            "in_progress": 0,
        }
        assert "第 12 行：留言时间" in first.err
        states = await here.system.rows("dispatch", "SELECT state, count(*) FROM cases GROUP BY 1 ORDER BY 1")
        assert states == [("answered", answers), ("assigned", UNANSWERED)]

        statement = await eventually(lambda: has_entries(here), timeout=30)
        check_statement(statement)
        before = await here.counts()
        await check_evidence(here, statement)

        copy = file.rename(tmp_path / "别名.xlsx")
        second = await here.huiying("import", str(copy), "--json")

        assert (second.json["accepted"], second.json["already_there"]) == (0, ROWS)
        assert second.json["answers"] == {"accepted": 0, "already_there": answers, "refused": 0}
        assert await here.counts() == before
        again = await here.huiying("statement", "--month", "2019-04", "--json")
        assert again.json == statement


async def has_entries(here: Installation) -> Any:
    """The statement, once every late answer is charged in it."""
    ended = await here.huiying("statement", "--month", "2019-04", "--json")
    assert ended.code == 0, ended.err
    late = ROWS // 10 - 1  # the last one is not answered
    charged = {entry["case"] for unit in ended.json["units"] for entry in unit["entries"]}
    return ended.json if len(charged) == late else None


def check_statement(statement: Any) -> None:
    assert statement["month"] == "2019-04"
    assert statement["rule_book_version"] == 1
    assert len(statement["units"]) == 9
    for unit in statement["units"]:
        assert unit["total_fen"] == sum(entry["amount_fen"] for entry in unit["entries"])
        for entry in unit["entries"]:
            assert entry["amount_fen"] < 0
            assert entry["clause"]
            assert entry["explanation"]
            assert entry["evidence"]


async def check_evidence(here: Installation, statement: Any) -> None:
    """Each line's evidence can be shown; what is none of it, no unit or no month, is said plainly."""
    entry = next(entry for unit in statement["units"] for entry in unit["entries"])
    for event_id in entry["evidence"]:
        shown = await here.huiying("evidence", event_id, "--json")
        assert shown.code == 0, shown.err
    for arguments, said in (
        (("evidence", "0192f3c0-0000-7000-8000-000000000001"), "没有依据"),
        (("statement", "--month", "2019-04", "--unit", "食堂"), "维修分公司"),
        (("statement", "--month", "2019-13"), "2019-04"),
    ):
        ended = await here.huiying(*arguments)
        assert (ended.code, len(ended.err.splitlines())) == (1, 1)
        assert said in ended.err


async def test_demonstration_data_are_loaded_once(
    kafka: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    said: list[str] = []
    async with installed(kafka, postgres, tmp_path) as here:
        await asyncio.to_thread(demo.load, here.url, here.token, said.append)
        await asyncio.to_thread(demo.load, here.url, here.token, said.append)

        assert said[0] == said[1]
        live = "SELECT unit, count(accepted_at) FROM cases WHERE origin = 'live' GROUP BY 1"
        worked_on = dict(await here.system.rows("dispatch", live))
        assert len(worked_on) == 9
        assert all(worked_on.values()), worked_on
        total = len(demo.read_data()["live"]) + len(demo.read_data()["history"])
        assert await here.system.value("intake", CONTENT["intake"]) == total
        assert await eventually(lambda: here.system.value("assessment", CONTENT["assessment"]), timeout=30)
