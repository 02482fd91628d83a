"""`huiying statement` and `huiying evidence`."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer

__all__ = ["register"]

AsJson = Annotated[bool, typer.Option("--json", help="结果以 JSON 输出")]
Url = Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")]
LOCAL = "http://127.0.0.1:8080"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("statement", help="打印一个月的考核表：各单位的条数、金额与明细")(statement)
    app.command("evidence", help="显示考核明细所依据的一个事件")(evidence)


def statement(
    month: Annotated[str, typer.Option(help="月份，例如 2019-04")],
    unit: Annotated[str | None, typer.Option(help="只看一个单位，并列出每一条", show_default="全部")] = None,
    as_json: AsJson = False,
    url: Url = LOCAL,
) -> None:
    """Print a month's statement."""
    from deploy.client import connect  # noqa: PLC0415 - heavy
    from deploy.statements import check_month, get_statement, only_unit  # noqa: PLC0415 - heavy

    check_month(month)
    with connect(url) as client:
        found = get_statement(client, month)
    if unit is not None:
        found = only_unit(found, unit)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    elif unit is None:
        _show_units(found)
    else:
        _show_entries(found)


def evidence(
    event_id: Annotated[
        UUID, typer.Argument(metavar="EVENT_ID", help="依据的编号，见 huiying statement --unit")
    ],
    as_json: AsJson = False,
    url: Url = LOCAL,
) -> None:
    """Show one event that an entry rests on."""
    from deploy.client import connect  # noqa: PLC0415 - heavy
    from deploy.statements import get_evidence  # noqa: PLC0415 - heavy

    with connect(url) as client:
        event = get_evidence(client, event_id)
    typer.echo(json.dumps(event, ensure_ascii=False, indent=None if as_json else 2))


def _show_units(found: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - heavy
    from rich.table import Table  # noqa: PLC0415 - heavy

    from shared.pages.filters import yuan  # noqa: PLC0415 - heavy

    units = found["units"]
    table = Table(title=_title(found), title_justify="left", show_footer=True)
    table.add_column("单位", "合计")
    table.add_column("条数", str(sum(len(one["entries"]) for one in units)), justify="right")
    table.add_column("金额", yuan(sum(one["total_fen"] for one in units)), justify="right")
    for one in units:
        table.add_row(one["unit"], str(len(one["entries"])), yuan(one["total_fen"]))
    Console(highlight=False, markup=False).print(table)


def _show_entries(found: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - heavy

    from shared.pages.filters import yuan  # noqa: PLC0415 - heavy

    console = Console(highlight=False, markup=False, soft_wrap=True)
    (unit,) = found["units"]
    console.print(
        f"{_title(found)}　{unit['unit']}　{len(unit['entries'])} 条，合计 {yuan(unit['total_fen'])}"
    )
    for entry in unit["entries"]:
        clause = f"{entry['clause']} {entry.get('clause_title', '')}".strip()
        console.print(f"\n{entry['case'] or '整月'}　{clause}　{yuan(entry['amount_fen'])}")
        console.print(f"  {entry['explanation']}")
        console.print(f"  依据：{'、'.join(entry['evidence'])}")


def _title(found: dict[str, Any]) -> str:
    frozen = "，已冻结" if found.get("frozen_at") else ""
    return f"{found['month']} 考核表（细则第 {found['rule_book_version']} 版{frozen}）"
