"""`huiying audit`."""

import asyncio
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.given import given_setting
from deploy.local.errors import LaunchError, cause_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.auditor.conservation import Reply
    from deploy.auditor.run import Installation
    from deploy.auditor.verdict import Report

__all__ = ["register"]

_SERVICES = ("intake", "dispatch", "assessment", "notify")
_SHORT_HELP = "独立审计：从数据库和 Kafka 日志核对每件反映都有下落、每分扣款都对"
_HELP = f"""{_SHORT_HELP}。

退出码：0 没有问题；1 有违反，或者该查的没有查到；2 命令行不对；3 读不到要查的数据，没有结论。
"""


class _UnreadableError(LaunchError):
    """There is no verdict."""

    exit_code = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit", help=_HELP, short_help=_SHORT_HELP)(audit)


def audit(
    url: Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")] = "http://127.0.0.1:8080",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
    strict: Annotated[bool, typer.Option(help="一件反映也没有时，什么也没查到也算失败")] = False,
    wait: Annotated[float, typer.Option(min=0, help="最多等待多少秒，直到没有进行中的事")] = 0.0,
    settle: Annotated[float, typer.Option(min=0, help="多少秒以内的事算进行中")] = 5.0,
    ledger: Annotated[Path | None, typer.Option(help="客户端记下的受理答复（JSON 行）")] = None,
) -> None:
    """Audit an installation; exit code 1 where anything is wrong, 3 where something cannot be read."""
    from rich.console import Console  # noqa: PLC0415 - heavy

    from deploy.auditor.table import show  # noqa: PLC0415 - heavy

    try:
        replies = _replies(ledger) if ledger else ()
        report = _audit(_installation(url), settle=settle, wait=wait, strict=strict, replies=replies)
    except LaunchError as error:
        raise _UnreadableError(str(error), error.advice) from error
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        show(report, Console())
    raise typer.Exit(0 if report.ok else 1)


def _replies(ledger: Path) -> "Sequence[Reply]":
    from deploy.auditor.replies import read_replies  # noqa: PLC0415 - heavy

    try:
        return read_replies(ledger)
    except FileNotFoundError as error:
        raise LaunchError(f"没有这个文件：{ledger}") from error
    except OSError as error:
        raise LaunchError(f"不能读取 {ledger}（{cause_of(error)}）") from error
    except ValueError as error:
        why = "不是 UTF-8 文本" if isinstance(error, UnicodeDecodeError) else str(error)
        raise LaunchError(f"不能读取 {ledger}（{why}）", "每行应是一个 JSON 对象") from error


def _audit(installation: "Installation", **settings: Any) -> "Report":
    import asyncpg  # noqa: PLC0415 - heavy
    from aiokafka.errors import KafkaConnectionError, KafkaError  # noqa: PLC0415 - heavy

    from deploy.auditor.run import audit as run  # noqa: PLC0415 - heavy

    try:
        return asyncio.run(run(installation, **settings))
    except KafkaConnectionError as error:
        why = f"连不上 Kafka {installation.kafka}"
        cause: Exception = error
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        why, cause = "数据库不接受给出的账号或密码", error
    except (ConnectionError, socket.gaierror, asyncpg.CannotConnectNowError) as error:
        why, cause = "连不上数据库", error
    except TimeoutError as error:
        why, cause = str(error) or "数据库或 Kafka 没有及时回答", error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError) as error:
        why, cause = f"{type(error).__name__}: {error}".strip(": ")[:200], error
    raise LaunchError(f"审计时读不到数据（{why}）", "请确认系统正在运行，或检查地址") from cause


def _installation(url: str) -> "Installation":
    """Where to read: what this machine knows of the installation at `url`, else the environment."""
    from deploy.auditor.run import Installation  # noqa: PLC0415 - heavy
    from deploy.local.descriptor import find_descriptor  # noqa: PLC0415 - heavy

    found = find_descriptor(url)
    if found is not None:
        return Installation(found.auditor, found.kafka)
    variables = {name: f"HUIYING_AUDIT_{name.upper()}_DATABASE_URL" for name in _SERVICES}
    missing = [each for each in (*variables.values(), "HUIYING_KAFKA_BOOTSTRAP") if not given_setting(each)]
    if missing:
        raise LaunchError(
            f"本机没有记录 {url} 的系统，环境变量也不全", f"请先运行 huiying up，或设置 {'、'.join(missing)}"
        )
    databases = {name: given_setting(variable) for name, variable in variables.items()}
    return Installation(
        databases, given_setting("HUIYING_KAFKA_BOOTSTRAP"), given_setting("HUIYING_KAFKA_PREFIX")
    )
