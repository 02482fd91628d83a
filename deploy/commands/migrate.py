"""`huiying migrate`."""

from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate", help="升级四个数据库，建立主题，放入基础数据（可反复执行）")(migrate)


def migrate(
    replication: Annotated[int, typer.Option(min=1, help="主题副本数，三台 broker 时用 3")] = 1,
) -> None:
    """Bring databases and topics to what this version needs."""
    from deploy.migrate import migrate as run  # noqa: PLC0415 - heavy

    run(replication, typer.echo)
