"""`huiying demo`."""

import os
from typing import Annotated

import typer

from deploy.local.errors import LaunchError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", help="把演示数据放入一套正在运行的系统（重复执行不会放入第二份）")(demo)


def demo(
    url: Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")] = "http://127.0.0.1:8080",
) -> None:
    """Put demonstration data into a running installation."""
    from deploy.demo import load  # noqa: PLC0415 - heavy
    from deploy.local.descriptor import find_descriptor  # noqa: PLC0415 - heavy

    known = find_descriptor(url)
    token = known.token if known else os.environ.get("HUIYING_TOKEN", "")
    if not token:
        raise LaunchError(
            f"没有找到 {url} 的凭据", "请先运行 huiying up，或在环境变量 HUIYING_TOKEN 里给出令牌"
        )
    load(url, token, typer.echo)
