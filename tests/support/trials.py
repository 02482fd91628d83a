"""Trials: a whole installation is hurt in the middle of its work, must recover, and is audited."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from tests.support.launcher import Launched
from tests.support.root import ROOT
from tests.support.traffic import Registrar, write_workbook
from tests.support.wait import eventually

__all__ = ["PATIENT", "Breakable", "Trial"]

ROWS = 300
RECOVERY = 120.0  # seconds in which everything must be settled again
PATIENT = 60.0  # seconds for a window to open or a process to come back
CLI = [sys.executable, "-m", "deploy.cli"]


@dataclass
class Breakable(Launched):
    """An installation whose processes die at armed crash points."""

    @property
    def crash_folder(self) -> Path:
        """A file here, named as a crash point, arms it."""
        return self.folder / "armed"

    @property
    def environment(self) -> dict[str, str]:
        """Crash points can be armed, and one client may register as fast as it likes."""
        return super().environment | {
            "HUIYING_CRASH_FOLDER": str(self.crash_folder),
            "INTAKE_REGISTER_RATE": "100000/minute",
        }

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of `huiying` on this installation."""
        return subprocess.Popen(
            [*CLI, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass
class Trial:
    """An import and live registrations on an installation that is hurt in the middle of them."""

    installation: Breakable
    name: str

    async def run(self, hurt: Callable[[], Any]) -> None:
        """Hurt the installation in the middle, let it recover, and audit it.

        Asserts that complaints were accepted before and after, that the import was not through, that
        everything settles within RECOVERY, and that every 201 a client holds is exactly one complaint.
        """
        launched = self.installation
        workbook = write_workbook(launched.folder / f"{self.name}.xlsx", self.name, ROWS)
        ledger = launched.folder / "ledger.jsonl"
        with Registrar(launched.url, ledger, self.name) as registrar:
            await eventually(lambda: registrar.accepted > 0, PATIENT)
            importing = launched.command("import", str(workbook), "--json")
            await eventually(self._is_halfway, PATIENT)
            before = registrar.accepted
            answered = await self.answered()
            result = hurt()
            if result is not None:
                await result
            await eventually(lambda: registrar.accepted >= before + 20, PATIENT)
            _, errors = importing.communicate(timeout=RECOVERY)
        assert before > 0
        assert answered < ROWS * 9 // 10, "the import was through before it was hurt"
        if importing.returncode != 0:
            assert "Traceback" not in errors, errors
        self._finish_import(workbook)
        self._audit(ledger)
        assert await self.answered() == ROWS * 9 // 10

    async def answered(self) -> int:
        """Imported complaints of this trial that are answered."""
        return await self._count(
            "dispatch",
            "SELECT count(*) FROM cases WHERE external_id LIKE $1 AND answered_at IS NOT NULL",
        )

    async def _is_halfway(self) -> bool:
        try:
            return (
                await self._count("intake", "SELECT count(*) FROM complaints WHERE external_id LIKE $1") > 0
            )
        except (OSError, asyncpg.PostgresError):
            return False

    async def _count(self, service: str, statement: str) -> int:
        connection = await asyncpg.connect(self.installation.descriptor.auditor[service])
        try:
            return int(await connection.fetchval(statement, f"{self.name}-%"))
        finally:
            await connection.close()

    def _finish_import(self, workbook: Path) -> None:
        """Run the import again: it takes what is missing and nothing twice."""
        again = self.installation.command("import", str(workbook), "--json")
        output, errors = again.communicate(timeout=RECOVERY)
        assert again.returncode == 0, errors
        report = json.loads(output)
        assert report["read"] == ROWS
        assert report["refused"] == 0
        assert report["accepted"] + report["already_there"] == ROWS

    def _audit(self, ledger: Path) -> None:
        run = self.installation.command(
            "audit", "--json", "--wait", str(RECOVERY), "--ledger", str(ledger), "--strict"
        )
        output, errors = run.communicate(timeout=RECOVERY + 60)
        assert output, errors
        report = json.loads(output)
        violations = [
            f"{one['id']}: {each}" for one in report["invariants"] for each in one["violations"][:5]
        ]
        assert not violations, "\n".join([str(report["in_flight"]), *violations])
        assert report["ok"], report["nothing_checked"]
        assert not any(report["in_flight"].values()), report["in_flight"]
