"""The table a person reads and the file a program reads."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.clock import SystemClock
from tests.bench.figures import Figure
from tests.support.root import ROOT

__all__ = ["print_table", "write_json"]


def print_table(console: Console, figures: Sequence[Figure]) -> None:
    """Print every figure beside its limit."""
    table = Table(title="与同一次运行中的极限相比")
    table.add_column("项目")
    table.add_column("我们", justify="right")
    table.add_column("极限", justify="right")
    table.add_column("单位")
    table.add_column("比值", justify="right")
    table.add_column("目标", justify="right")
    table.add_column("极限是什么")
    for one in figures:
        table.add_row(
            one.title,
            _number(one.ours),
            _number(one.limit),
            one.unit,
            f"{one.ratio:.3f}",
            _goal(one),
            one.limit_title,
        )
    console.print(table)


def write_json(path: Path, figures: Sequence[Figure], machine: dict[str, Any]) -> None:
    """Write every figure by its name, and the machine."""
    found = {one.name: one.as_json() for one in figures} | {"machine": _machine() | machine}
    path.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _goal(one: Figure) -> str:
    if one.goal is None:
        return ""
    return f"{'✓' if one.reached else '✗'} {'≤' if one.lower_is_better else '≥'} {one.goal:g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "commit": _commit(),
        "at": SystemClock().now().isoformat(timespec="seconds"),
    }


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
