"""`huiying audit`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.given import given_setting
from deploy.local.errors import LaunchError

if TYPE_CHECKING:
    from deploy.auditor.run import Installation

__all__ = ["register"]

_SERVICES = ("intake", "dispatch", "assessment", "notify")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit", help="独立审计：从数据库和 Kafka 日志核对每件反映都有下落、每分扣款都对")(audit)


def audit(
    url: Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")] = "http://127.0.0.1:8080",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
    strict: Annotated[bool, typer.Option(help="一件反映也没有时，什么也没查到也算失败")] = False,
    wait: Annotated[float, typer.Option(min=0, help="最多等待多少秒，直到没有进行中的事")] = 0.0,
    settle: Annotated[float, typer.Option(min=0, help="多少秒以内的事算进行中")] = 5.0,
    ledger: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="客户端记下的受理答复（JSON 行）")
    ] = None,
) -> None:
    """Audit an installation; exit code 1 where anything is wrong."""
    import asyncpg  # noqa: PLC0415 - heavy
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - heavy
    from rich.console import Console  # noqa: PLC0415 - heavy

    from deploy.auditor.replies import read_replies  # noqa: PLC0415 - heavy
    from deploy.auditor.run import audit as run  # noqa: PLC0415 - heavy
    from deploy.auditor.table import show  # noqa: PLC0415 - heavy

    installation = _installation(url)
    try:
        replies = read_replies(ledger) if ledger else ()
        report = asyncio.run(run(installation, settle=settle, wait=wait, strict=strict, replies=replies))
    except ValueError as error:
        raise LaunchError(f"不能读取 {ledger}（{error}）", "每行应是一个 JSON 对象") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError) as error:
        detail = f"{type(error).__name__}: {error}".strip(": ")
        raise LaunchError(f"审计时读不到数据（{detail[:200]}）", "请确认系统正在运行，或检查地址") from error
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        show(report, Console())
    raise typer.Exit(0 if report.ok else 1)


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
