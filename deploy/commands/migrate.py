"""`huiying migrate`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate", help="升级四个数据库，建立主题，放入基础数据（可反复执行）")(migrate)


def migrate(
    replication: Annotated[int, typer.Option(min=1, help="主题副本数，三台 broker 时用 3")] = 1,
    demo: Annotated[bool, typer.Option(help="同时建立演示用的账号")] = False,
    token_file: Annotated[Path | None, typer.Option(help="把本机命令用的令牌写入这个文件")] = None,
) -> None:
    """Bring databases and topics to what this version needs."""
    from deploy.migrate import migrate as run  # noqa: PLC0415 - heavy

    run(replication=replication, demo=demo, token_file=token_file, say=typer.echo)
