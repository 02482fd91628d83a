"""One import from file to report."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.client import Client
from deploy.importing.columns import Table, find_table
from deploy.importing.errors_workbook import write_errors
from deploy.importing.reading import read_sheets
from deploy.importing.rows import Entry, Refusal, judge
from deploy.importing.sending import Sent, UnknownCategory, send
from deploy.local.errors import LaunchError
from shared.texts import clean_line, unsafe_character

__all__ = ["Job", "Report", "open_job"]

SOURCE_LIMIT = 100  # characters, intake's own


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or with `dry_run` would do. Every row read is accepted, already there or refused.

    `answers` counts apart; an answer that was refused is listed in the error workbook, its complaint is in.
    `unknown_categories` are rows routed by their words, `unused_columns` columns that mean nothing here.
    `error_workbook` is None, and `workbook_problem` says why, where it could not be written.
    `in_progress` is how many were not assigned or answered yet when the waiting ended, None without waiting.
    """

    read: int
    accepted: int
    already_there: int
    refused: int
    error_workbook: str | None
    answers: dict[str, int]
    unknown_categories: tuple[UnknownCategory, ...]
    unused_columns: tuple[str, ...]
    dry_run: bool
    in_progress: int | None = None
    refusals: tuple[Refusal, ...] = field(default=(), repr=False)
    workbook_problem: str | None = None

    @property
    def all_in(self) -> bool:
        """Whether nothing was refused."""
        return not self.refusals

    def as_json(self) -> dict[str, Any]:
        """The report for a program."""
        found = asdict(self)
        del found["refusals"], found["workbook_problem"]
        return found


@dataclass(frozen=True, slots=True)
class Job:
    """A file that was read and judged; nothing is sent yet."""

    file: Path
    table: Table
    entries: Sequence[Entry]
    refusals: Sequence[Refusal]

    @property
    def sources(self) -> frozenset[str]:
        """The systems the entries come from."""
        return frozenset(entry.complaint.source for entry in self.entries)

    def rehearse(self) -> Report:
        """Report what the file itself allows. Writes the error workbook, sends nothing."""
        sent = Sent()
        sent.complaints.accepted = len(self.entries)
        sent.answers.accepted = sum(1 for entry in self.entries if entry.answer)
        return self._report(sent, dry_run=True)

    def carry_out(self, client: Client, advanced: Callable[[int], None]) -> Report:
        """Send everything and report. LaunchError, naming how far it came, if it could not be finished."""
        sent = Sent()
        try:
            send(client, self.table, self.entries, sent, advanced)
        except (LaunchError, KeyboardInterrupt) as error:
            done = sent.complaints.accepted + sent.complaints.already_there
            why = f"：{error.line()}" if isinstance(error, LaunchError) else ""
            raise LaunchError(
                f"导入中断{why}",
                f"已登记 {done} 条，再运行一次同样的命令会接着导入，不会重复",
            ) from error
        return self._report(sent, dry_run=False)

    def _report(self, sent: Sent, *, dry_run: bool) -> Report:
        refusals = sorted([*self.refusals, *sent.refusals], key=lambda one: one.row.number)
        workbook, problem = self._write_errors(refusals)
        return Report(
            read=len(self.entries) + len(self.refusals),
            accepted=sent.complaints.accepted,
            already_there=sent.complaints.already_there,
            refused=len(self.refusals) + sent.complaints.refused,
            error_workbook=workbook,
            answers=asdict(sent.answers),
            unknown_categories=tuple(sent.unknown_categories),
            unused_columns=self.table.unused,
            dry_run=dry_run,
            refusals=tuple(refusals),
            workbook_problem=problem,
        )

    def _write_errors(self, refusals: Sequence[Refusal]) -> tuple[str | None, str | None]:
        """Where the refused rows were written, or why they could not be."""
        if not refusals:
            return None, None
        try:
            return str(write_errors(self.file, self.table, refusals)), None
        except LaunchError as error:  # everything is sent: no reason to lose the report
            return None, error.line()


def open_job(file: Path, source: str, now: datetime) -> Job:
    """Read and judge `file`, whose rows come from `source` unless they say so themselves.

    LaunchError, one line, if it is not a file that can be imported or `source` no name.
    """
    source = _check_source(source)
    table = find_table(read_sheets(file))
    if not table.rows:
        raise LaunchError(f"{file.name} 只有表头，没有数据")
    judged = list(judge(table, source, now))
    return Job(
        file,
        table,
        [one for one in judged if isinstance(one, Entry)],
        [one for one in judged if isinstance(one, Refusal)],
    )


def _check_source(source: str) -> str:
    """The source, cleaned as a row's own is. LaunchError if nothing that can be kept is left of it."""
    if (character := unsafe_character(source)) is not None:
        raise LaunchError(f"--source 含有不能保存的字符（{character}）")
    clean = clean_line(source)
    if not clean:
        raise LaunchError("--source 是空的", "请写明这些投诉来自哪个系统")
    if len(clean) > SOURCE_LIMIT:
        raise LaunchError(f"--source 太长，最多 {SOURCE_LIMIT} 个字")
    return clean
