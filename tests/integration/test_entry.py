"""What the console script does with a Ctrl-C, a full disk, and a terminal that knows no Chinese."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.root import ROOT

ENTRY = (sys.executable, "-m", "deploy.entry")
INTERRUPTED_WHILE_LOADING = """
import builtins, sys
real = builtins.__import__
def interrupted(name, *rest):
    if name == "deploy.cli":
        raise KeyboardInterrupt
    return real(name, *rest)
builtins.__import__ = interrupted
from deploy.entry import main
main()
"""
INTERRUPTED_AT_WORK = """
import sys
from deploy import cli, entry
@cli.app.command("stop")
def stop() -> None:
    raise {error}
sys.argv = ["huiying", "stop"]
entry.main()
"""


def run(*command: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.PIPE, **settings)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "program",
    [
        INTERRUPTED_WHILE_LOADING,
        INTERRUPTED_AT_WORK.format(error="KeyboardInterrupt"),
        INTERRUPTED_AT_WORK.format(error="cli.typer.Abort"),
    ],
)
def test_a_ctrl_c_is_one_line_and_ends_with_130(program: str) -> None:
    done = run(sys.executable, "-c", program)

    assert (done.returncode, done.stderr.decode()) == (128 + signal.SIGINT, "错误：已中止\n")


@pytest.mark.parametrize("arguments", [("--help",), ("topics", "--help")])
def test_a_full_disk_is_one_line(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(*ENTRY, *arguments, stdout=full)

    assert (done.returncode, done.stderr.decode()) == (1, "错误：不能写出结果（磁盘已满）\n")


def test_a_full_disk_for_errors_too_is_an_exit_code() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*ENTRY, "--help"], cwd=ROOT, check=False, stdout=full, stderr=full)

    assert done.returncode == 1


def test_a_terminal_without_chinese_gets_codes() -> None:
    done = run(
        *ENTRY, "import", "没有.csv", env={**os.environ, "PYTHONIOENCODING": "ascii"}, stdout=subprocess.PIPE
    )

    assert done.returncode == 1
    assert b"\\u6ca1\\u6709.csv" in done.stderr
    assert b"Traceback" not in done.stderr
