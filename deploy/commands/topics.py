"""`huiying topics apply`."""

import asyncio
from typing import Annotated

import typer

from deploy.local.errors import LaunchError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the group `topics`."""
    group = typer.Typer(help="Kafka 主题", no_args_is_help=True)
    group.command("apply", help="建立缺少的主题，并检查已有主题的分区数与保留设置（可反复执行）")(apply)
    app.add_typer(group, name="topics")


def apply(
    bootstrap: Annotated[
        str, typer.Option(envvar="HUIYING_KAFKA_BOOTSTRAP", help="Kafka 地址 host:port[,host:port]")
    ],
    replication: Annotated[int, typer.Option(min=1, help="副本数，三台 broker 时用 3")] = 1,
    prefix: Annotated[
        str, typer.Option(envvar="HUIYING_KAFKA_PREFIX", help="主题名前缀，多套系统共用一个 Kafka 时用")
    ] = "",
) -> None:
    """Create the missing topics and check the others."""
    from deploy.topics import TopicsError  # noqa: PLC0415 - heavy
    from deploy.topics import apply as apply_topics  # noqa: PLC0415 - heavy

    try:
        created = asyncio.run(apply_topics(bootstrap, replication=replication, prefix=prefix))
    except TopicsError as error:
        raise LaunchError(str(error)) from error
    typer.echo(f"新建 {len(created)} 个主题" + (f"：{'、'.join(created)}" if created else ""))
