"""`huiying password`."""

import json
from typing import Annotated

import typer

__all__ = ["register"]

LOCAL = "http://127.0.0.1:8080"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("password", help="给一个账号换上随机的新密码（管理员忘记密码时，由运维人员使用）")(password)


def password(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="账号，例如 admin")],
    as_json: Annotated[bool, typer.Option("--json", help="结果以 JSON 输出")] = False,
    url: Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")] = LOCAL,
) -> None:
    """Give an account a new password."""
    from deploy.passwords import renew_password  # noqa: PLC0415 - heavy
    from deploy.terminal import printable  # noqa: PLC0415 - heavy

    new = renew_password(account, url)
    if as_json:
        typer.echo(json.dumps({"account": account, "password": new}, ensure_ascii=False))
    else:
        typer.echo(f"账号 {printable(account)} 的新密码：{new}（只显示这一次；请登录后点右上角的姓名更换）")
