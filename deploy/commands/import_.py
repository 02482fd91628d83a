"""`huiying import`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.errors import LaunchError
from deploy.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.importing.run import Job, Report

__all__ = ["register"]

SOME_REFUSED = 2
SHOWN = 10  # refusals on the terminal; all are in the error workbook

_HELP = """导入 xlsx 或 csv 文件里的投诉与答复。

必须有的列：留言编号（编号、message_id…）、留言详情（内容、body…）、留言时间（created_at…）；可以有：留言主题、留言用户、
答复意见与答复时间、类别、电话、地点、来源。没有时区的时间按北京时间；只有日期时，留言按当天最后一刻、答复按当天最早一刻计，
这样不会让单位多担责任。同一来源的同一编号只登记一次，所以同一文件可以反复导入，中断后再运行一次即可。

不能导入的行连同行号和原因写入同一文件夹的“文件名.错误.xlsx”。

退出码：0 全部导入（或已经在系统里）；2 有些行没有导入；1 没有完成。
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", help=_HELP, short_help="导入 xlsx 或 csv 里的投诉与答复（可反复执行）")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(help="xlsx 或 csv 文件")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查文件，什么也不发送")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="结果以 JSON 输出")] = False,
    url: Annotated[str, typer.Option(envvar="HUIYING_URL", help="系统地址")] = "http://127.0.0.1:8080",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="等到全部派单、答复、考核后再结束")] = True,
    source: Annotated[str, typer.Option(help="这些投诉来自哪个系统；编号在同一来源内唯一")] = "message-board",
) -> None:
    """Import a file into a running installation."""
    from rich.console import Console  # noqa: PLC0415 - heavy

    from deploy.importing.run import open_job  # noqa: PLC0415 - heavy
    from shared.clock import SystemClock  # noqa: PLC0415 - heavy

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("正在读取文件"):
        job = open_job(file, source, SystemClock().now())
    report = job.rehearse() if dry_run else _carry_out(job, url, console, wait=wait)
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        _show(report)
    _show_refusals(report, console)
    if not report.all_in:
        raise typer.Exit(SOME_REFUSED)


def _carry_out(job: "Job", url: str, console: "Console", *, wait: bool) -> "Report":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from deploy.client import connect  # noqa: PLC0415 - heavy
    from deploy.importing.settling import wait_until_settled  # noqa: PLC0415 - heavy

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with connect(url) as client, Progress(*columns, console=console) as progress:
        total = len(job.entries)
        sending = progress.add_task("导入", total=total)
        report = job.carry_out(client, lambda count: progress.advance(sending, count))
        if not wait:
            return report
        settling = progress.add_task("派单与考核", total=total)
        try:
            left = wait_until_settled(
                client,
                job.sources,
                report.answers["accepted"] + report.answers["already_there"],
                lambda left: progress.update(settling, completed=max(0, total - left)),
            )
        except (LaunchError, KeyboardInterrupt) as error:  # all is in, only the waiting ended early
            why = error.line() if isinstance(error, LaunchError) else "已停止等待"
            console.print(f"没有等到处理结束：{why}", markup=False)
            return report
        return replace(report, in_progress=left)


def _show(report: "Report") -> None:
    from rich.console import Console  # noqa: PLC0415 - heavy
    from rich.table import Table  # noqa: PLC0415 - heavy

    table = Table(title="检查结果（没有发送）" if report.dry_run else "导入结果", title_justify="left")
    for heading in ("", "投诉", "答复"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("读取", str(report.read), "")
    table.add_row(
        "可以导入" if report.dry_run else "导入", str(report.accepted), str(report.answers["accepted"])
    )
    table.add_row("已在系统里", str(report.already_there), str(report.answers["already_there"]))
    table.add_row("没有导入", str(report.refused), str(report.answers["refused"]))
    Console(highlight=False).print(table)


def _show_refusals(report: "Report", console: "Console") -> None:
    _show_first(console, [refusal.line() for refusal in report.refusals], "")
    if report.error_workbook:
        console.print(f"没有导入的行和原因：{report.error_workbook}", markup=False)
    if report.workbook_problem:
        console.print(printable(report.workbook_problem), markup=False)
    if report.in_progress:
        console.print(f"{report.in_progress} 条还在处理，可稍后再看；处理不了的见 huiying dead list")
    unknown = [
        f"第 {one.row} 行：类别“{one.category}”不在考核细则里，已按内容派单"
        for one in report.unknown_categories
    ]
    _show_first(console, unknown, "的类别不在考核细则里")
    if report.unused_columns:
        console.print(printable(f"没有用到的列：{'、'.join(report.unused_columns)}"), markup=False)


def _show_first(console: "Console", lines: list[str], rest: str) -> None:
    """Print the first lines, and of how many rows more the same is to be said."""
    for line in lines[:SHOWN]:
        console.print(printable(line), markup=False)
    if len(lines) > SHOWN:
        console.print(f"……另有 {len(lines) - SHOWN} 行{rest}")
