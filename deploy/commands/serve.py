"""`huiying serve`: one replica of one service, as a container runs it."""

import os
import socket
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["register"]


class ServiceName(StrEnum):
    """The four services."""

    INTAKE = "intake"
    DISPATCH = "dispatch"
    ASSESSMENT = "assessment"
    NOTIFY = "notify"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", help="运行一个服务的一个副本（容器里使用；设置来自环境变量或 /run/secrets）")(serve)


def serve(
    service: Annotated[ServiceName, typer.Argument(help="服务名")],
    host: Annotated[str, typer.Option(help="监听地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="监听端口")] = 8000,
    proxies: Annotated[str, typer.Option(help="可信的网关地址或网段，逗号分隔")] = "127.0.0.1",
) -> None:
    """Serve until told to stop. The replica is named after the host, so it rejoins its group at once."""
    from shared.server import serve as serve_replica  # noqa: PLC0415 - heavy

    os.environ.setdefault(f"{service.value.upper()}_INSTANCE", socket.gethostname())
    serve_replica(f"services.{service.value}.app:from_env", host=host, port=port, proxies=proxies)
