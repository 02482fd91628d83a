"""An audit as a person reads it."""

from rich.console import Console
from rich.table import Table

from deploy.auditor.verdict import Finding, Report

__all__ = ["show"]

_SHOWN = 10
_UNDER_WAY = {"unpublished": "条事件待发布", "lag": "条消息待处理", "waiting": "个事件在等待"}
_APART = {
    "history_without_answer": "件历史反映没有记录答复",
    "dead_letters_of_unknown_origin": "条来历不明的记录已全部作为死信",
    "garbage_nobody_reads": "条不是事件的记录在没有人读的主题里",
}


def show(report: Report, console: Console) -> None:
    """Print one line per invariant, then every violation (the first ones of each), then what is apart."""
    table = Table(title="审计结果", title_justify="left", expand=False)
    table.add_column("编号", no_wrap=True)
    table.add_column("要求", overflow="fold")
    table.add_column("已查", justify="right")
    table.add_column("进行中", justify="right")
    table.add_column("结论", no_wrap=True)
    for one in report.findings:
        table.add_row(one.id, one.title, f"{one.checked:,}", f"{one.in_flight:,}", _verdict(one, report))
    console.print(table)
    for one in report.findings:
        _show_violations(one, console)
        for name, identities in one.apart.items():
            console.print(f"{one.id} 另列：{len(identities)} {_words(name)}")
    moving = [f"{count} {_UNDER_WAY[name]}" for name, count in report.in_flight.items() if count]
    if moving:
        console.print(f"尚在进行：{'，'.join(moving)}（可用 --wait 等待）")
    console.print("[green]没有发现问题[/]" if report.ok else "[bold red]发现问题，请见上表[/]")


def _verdict(finding: Finding, report: Report) -> str:
    if finding.violations:
        return f"[bold red]{len(finding.violations)} 处违反[/]"
    return "[bold red]什么也没查到[/]" if finding.id in report.empty else "[green]通过[/]"


def _show_violations(finding: Finding, console: Console) -> None:
    for violation in finding.violations[:_SHOWN]:
        identities = f"（{'，'.join(violation.ids)}）" if violation.ids else ""
        console.print(f"[red]{finding.id}[/] ", end="")
        console.print(f"{violation.problem}{identities}", markup=False)
    if (more := len(finding.violations) - _SHOWN) > 0:
        console.print(f"[red]{finding.id}[/] 还有 {more} 处，完整清单见 --json")


def _words(name: str) -> str:
    held = name.removeprefix("held_by_dead_letter_in_")
    return _APART.get(name, f"件反映在 {held} 等待死信处理（huiying dead list）")
