"""`huiying dead list|show|replay|discard`."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.terminal import printable

__all__ = ["register"]

LetterId = Annotated[UUID, typer.Argument(metavar="ID", help="死信的 id，见 huiying dead list")]
Service = Annotated[
    str | None, typer.Option(help="只看一个服务：intake、dispatch、assessment 或 notify", show_default="全部")
]
AsJson = Annotated[bool, typer.Option("--json", help="结果以 JSON 输出")]
Url = Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")]
LOCAL = "http://127.0.0.1:8080"
SHOWN_DETAIL = 200  # characters in the list


def register(app: typer.Typer) -> None:
    """Add the group `dead`."""
    group = typer.Typer(help="死信：怎么重试都处理不了的消息，留待人来决定", no_args_is_help=True)
    group.command("list", help="列出没有处理的死信")(list_)
    group.command("show", help="显示一条死信的全部内容")(show)
    group.command("replay", help="重新处理一条死信，再失败时它会重新出现")(replay)
    group.command("discard", help="放弃一条死信，同一件反映的后续消息接着处理")(discard)
    app.add_typer(group, name="dead")


def list_(service: Service = None, as_json: AsJson = False, url: Url = LOCAL) -> None:
    """List unsettled dead letters."""
    from deploy.client import connect  # noqa: PLC0415 - heavy
    from deploy.dead import cut_short, list_letters, services_of  # noqa: PLC0415 - heavy

    services = services_of(service)
    with connect(url) as client:
        letters = list_letters(client, services)
    if (more := cut_short(letters)) is not None:
        typer.echo(more, err=True)
    if as_json:
        _print_json(letters)
        return
    if not letters:
        typer.echo("没有死信")
        return
    typer.echo("\n\n".join(map(_block, letters)))


def show(letter_id: LetterId, service: Service = None, as_json: AsJson = False, url: Url = LOCAL) -> None:
    """Show one dead letter."""
    from deploy.client import connect  # noqa: PLC0415 - heavy
    from deploy.dead import in_words, services_of, show_letter  # noqa: PLC0415 - heavy

    services = services_of(service)
    with connect(url) as client:
        letter = show_letter(client, services, letter_id)
    if as_json:
        _print_json(letter)
        return
    letter["reason"] += f"（{in_words(letter['reason'])}）"
    for name, value in letter.items():
        for label, one in value.items() if isinstance(value, dict) else ((name, value),):
            typer.echo(f"{label}: {printable(one)}")


def replay(letter_id: LetterId, service: Service = None, as_json: AsJson = False, url: Url = LOCAL) -> None:
    """Have a dead letter processed again."""
    _settle(letter_id, service, url, None, as_json=as_json)


def discard(
    letter_id: LetterId,
    reason: Annotated[str, typer.Option(help="为什么放弃（会记录）")],
    service: Service = None,
    as_json: AsJson = False,
    url: Url = LOCAL,
) -> None:
    """Give a dead letter up."""
    _settle(letter_id, service, url, reason, as_json=as_json)


def _settle(letter_id: UUID, service: str | None, url: str, reason: str | None, *, as_json: bool) -> None:
    from deploy.client import connect  # noqa: PLC0415 - heavy
    from deploy.dead import services_of, settle  # noqa: PLC0415 - heavy

    services = services_of(service)
    with connect(url) as client:
        settled = settle(client, services, letter_id, discard_reason=reason)
    if as_json:
        _print_json(settled)
    else:
        typer.echo("已放弃" if reason is not None else "已交回重新处理")


def _block(letter: dict[str, Any]) -> str:
    """A letter on a few lines that are never cut, the first with its id; `show` has all of a long detail."""
    from deploy.dead import in_words  # noqa: PLC0415 - heavy

    detail = " ".join(str(letter["detail"] or "").split())
    shown = detail if len(detail) <= SHOWN_DETAIL else f"{detail[:SHOWN_DETAIL]}……"
    lines = (
        f"{letter['id']}  {letter['service']}  收到于 {letter['received_at']}",
        f"  主题：{letter['topic']}/{letter['partition']}/{letter['offset']}  键：{letter['key'] or '无'}",
        f"  原因：{in_words(letter['reason'])}（{shown}）",
    )
    return "\n".join(map(printable, lines))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
