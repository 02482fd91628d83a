"""`huiying up`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up", help="在本机启动整套系统：Kafka、PostgreSQL、四个服务和网关；按 Ctrl-C 停止")(up)


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="网关端口")] = 8080,
    data_dir: Annotated[Path, typer.Option(help="数据文件夹")] = Path(".huiying"),
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="第一次启动时放入演示数据")] = True,
) -> None:
    """Run a whole installation here until it is told to stop."""
    from deploy.local.up import Launch  # noqa: PLC0415 - heavy

    Launch(port=port, data_dir=data_dir.absolute(), demo=demo).run()
