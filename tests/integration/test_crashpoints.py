"""Crash points kill only where they are armed, and an armed file only once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.root import ROOT

PROGRAM = "from shared.crashpoints import crash_point as c; c('one'); c('two'); c('two'); print('alive')"


def _run(**environment: str) -> int:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUIYING_CRASH")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env=clean | environment, check=False)
    return done.returncode


@pytest.mark.parametrize(
    ("armed", "code"),
    [("", 0), ("other", 0), ("two", -signal.SIGKILL), ("two:2", -signal.SIGKILL), ("two:3", 0)],
)
def test_a_point_kills_when_its_turn_has_come(armed: str, code: int) -> None:
    assert _run(HUIYING_CRASH_AT=armed) == code


def test_a_file_arms_a_point_once(tmp_path: Path) -> None:
    (tmp_path / "two").touch()

    assert _run(HUIYING_CRASH_FOLDER=str(tmp_path)) == -signal.SIGKILL
    assert not (tmp_path / "two").exists()
    assert _run(HUIYING_CRASH_FOLDER=str(tmp_path)) == 0
