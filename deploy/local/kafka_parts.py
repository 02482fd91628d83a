"""What the broker needs, made once per machine and user and kept in the cache folder.

The jars of Apache Kafka at the versions and SHA-256 sums of `jgo.lock.toml`, an ahead-of-time cache of its
classes (which halves its start), and the one small file that formatting a data folder writes.
"""

import hashlib
import json
import os
import subprocess
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.errors import LaunchError
from deploy.local.java import Java
from deploy.local.places import cache_home, exclusive, make_folder, write_private

__all__ = ["KafkaParts", "java_environment", "kafka_parts"]

LOCK = Path(__file__).with_name("jgo.lock.toml")
CHECKPOINT = "bootstrap.checkpoint"


@dataclass(frozen=True, slots=True)
class KafkaParts:
    """The folder that holds everything, and the jars in class-path order."""

    folder: Path
    jars: tuple[Path, ...]

    @property
    def classpath(self) -> str:
        """Class path of the broker and its tools."""
        return os.pathsep.join(map(str, self.jars))

    def aot_cache(self, java: Java) -> Path:
        """Path of the ahead-of-time cache for this runtime; may not exist yet."""
        return self.folder / f"broker-{java.version}.aot"

    @property
    def checkpoint(self) -> Path:
        """The bootstrap checkpoint a formatted data folder starts with; may not exist yet."""
        return self.folder / CHECKPOINT


def kafka_parts() -> KafkaParts:
    """Return the jars, downloaded and verified where this machine lacks them. LaunchError if that fails."""
    text = LOCK.read_bytes()
    locked: list[dict[str, Any]] = tomllib.loads(text.decode())["dependencies"]
    folder = make_folder(cache_home()) / f"kafka-{hashlib.sha256(text).hexdigest()[:12]}"
    repository = folder / "jars"
    jars = tuple(_jar_path(repository, each) for each in locked)
    verified = folder / "verified.json"
    if not _as_verified(verified, jars):
        with exclusive(cache_home() / "kafka.lock"):
            make_folder(repository)
            _download(repository, locked)
            for outdated in folder.glob("*.aot"):  # it knows its jars by their times too
                outdated.unlink()
            write_private(verified, _sizes(jars))
    return KafkaParts(folder, jars)


def _as_verified(verified: Path, jars: Sequence[Path]) -> bool:
    """Whether the jars still have the sizes they had when their sums were right."""
    try:
        return bool(json.loads(verified.read_text(encoding="utf-8")) == _sizes(jars))
    except (OSError, ValueError):
        return False


def _sizes(jars: Sequence[Path]) -> dict[str, int]:
    return {jar.name: jar.stat().st_size for jar in jars}


def java_environment() -> dict[str, str]:
    """Our environment without the variables that would change how Java runs; names of files are UTF-8."""
    foreign = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"}
    return {name: value for name, value in os.environ.items() if name not in foreign} | {"LC_ALL": "C.UTF-8"}


def format_checkpoint(parts: KafkaParts, java: Java, command: Sequence[str], scratch: Path) -> None:
    """Run Kafka's own formatter (`command`, which formats `scratch`) and keep the checkpoint it writes."""
    done = subprocess.run(
        command,
        env=java_environment(),
        capture_output=True,
        check=False,
        start_new_session=True,  # a Ctrl-C is for us, who stop when this is done
    )
    made = scratch / CHECKPOINT
    if done.returncode != 0 or not made.exists():
        detail = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["?"]
        raise LaunchError(
            f"不能初始化 Kafka（Java {java.version}：{detail[0]}）", f"请删除 {parts.folder} 后重试"
        )
    made.replace(parts.checkpoint)


def _jar_path(repository: Path, locked: dict[str, Any]) -> Path:
    group: str = locked["groupId"]
    artifact, version = locked["artifactId"], locked["version"]
    return Path(repository, *group.split("."), artifact, version, f"{artifact}-{version}.jar")


def _download(repository: Path, locked: Sequence[dict[str, Any]]) -> None:
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 - slow to import, needed once per machine
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
        from jgo.maven import MavenContext  # noqa: PLC0415
    except ImportError as error:
        raise LaunchError("缺少下载 Kafka 的工具（Python 包 jgo）", "请运行 make setup 重新安装") from error
    mirrors = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(repo_cache=repository, remote_repos=mirrors)

    def fetch(each: dict[str, Any]) -> None:
        jar = _jar_path(repository, each)
        if jar.exists() and _sha256(jar) != each["sha256"]:
            jar.unlink()
        component = context.project(each["groupId"], each["artifactId"]).at_version(each["version"])
        component.artifact().resolve()
        if _sha256(jar) != each["sha256"]:
            jar.unlink()
            raise LaunchError(f"下载的 {jar.name} 与锁定的校验和不符", "请检查网络或镜像后重试")

    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch, locked))
    except (OSError, RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise LaunchError(
            f"不能下载 Kafka 的组件（{reason}）",
            "请检查能否访问 Maven 中央仓库，或在 ~/.config/jgo.conf 配置镜像",
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
