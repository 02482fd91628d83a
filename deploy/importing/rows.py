"""Judges each row: a complaint (with its answer) that may be sent, or all that is wrong with the row."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from deploy.importing.columns import ALIASES, Column, Table
from deploy.importing.reading import Cell, SheetRow
from deploy.importing.times import Written, latest, read_time, span
from services.dispatch.domain.answers import text_problem
from services.intake.domain.reports import Given, Report, ReportError, check_report
from shared.contracts.intake import TIMED_FROM
from shared.texts import clean_line, clean_text, unsafe_character

__all__ = ["Answer", "Complaint", "Entry", "Reason", "Refusal", "column_name", "judge", "text_of"]

EXTERNAL_ID_LIMIT = 200
EXACT_DIGITS = 15  # what a spreadsheet's number keeps


class Complaint(BaseModel):
    """A complaint as intake takes it."""

    model_config = ConfigDict(frozen=True)

    source: str
    external_id: str
    registered_at: AwareDatetime
    text: str
    subject: str
    name: str
    phone: str
    location: str
    category: str | None


class Answer(BaseModel):
    """An answer as dispatch takes it."""

    model_config = ConfigDict(frozen=True)

    source: str
    external_id: str
    text: str
    answered_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that may be sent."""

    row: SheetRow
    complaint: Complaint
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Reason:
    """One column of a row, by its name in the file, and what is wrong with it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was refused, and every reason."""

    row: SheetRow
    reasons: tuple[Reason, ...]

    def line(self) -> str:
        """Row, fields and reasons on one line."""
        return f"第 {self.row.number} 行：{self.why()}"

    def why(self) -> str:
        """Fields and reasons."""
        return "；".join(f"{one.field}：{one.message}" for one in self.reasons)


def judge(table: Table, source: str, now: datetime) -> Iterator[Entry | Refusal]:
    """Judge every row, in order. Of rows under one external id the first good one counts.

    `source` names where the rows come from, unless a row says so itself; `now` tells what lies in the future.
    """
    seen: dict[tuple[str, str], Entry] = {}
    for row in table.rows:
        entry = _Judgement(table, row, source, now).result()
        if isinstance(entry, Entry):
            name = (entry.complaint.source, entry.complaint.external_id)
            first = seen.setdefault(name, entry)
            if first is not entry:
                yield _repeated(table, entry, first)
                continue
        yield entry


def _repeated(table: Table, entry: Entry, first: Entry) -> Refusal:
    same = (entry.complaint, entry.answer) == (first.complaint, first.answer)
    content = "内容也相同，只登记一次" if same else "但内容不同，以前面的一行为准"
    message = f"与第 {first.row.number} 行重复，{content}"
    return Refusal(entry.row, (Reason(column_name(table, Column.EXTERNAL_ID), message),))


def column_name(table: Table, column: Column) -> str:
    """What the file calls a column; its usual name where the file lacks it."""
    place = table.places.get(column)
    return ALIASES[column][0] if place is None else str(table.header[place]).strip()


class _Any(Container[str]):
    """Contains every category: whether there is one by that name, the installation decides."""

    def __contains__(self, _name: object) -> bool:
        return True


@dataclass
class _Judgement:
    """The judgement of one row; collects what is wrong."""

    table: Table
    row: SheetRow
    source: str
    now: datetime
    reasons: list[Reason] = field(default_factory=list)

    def result(self) -> Entry | Refusal:
        """The entry this row is, or its refusal."""
        self._check_width()
        external_id = self._external_id()
        source = clean_line(self._text(Column.SOURCE)) or self.source
        report = self._report()
        answer_text = self._answer_text()
        asked, answered = self._times(answered=bool(answer_text))
        if self.reasons or report is None or asked is None:
            return Refusal(self.row, tuple(self.reasons))
        complaint = Complaint(
            source=source,
            external_id=external_id,
            registered_at=asked,
            text=report.text,
            subject=report.subject,
            name=report.name,
            phone=report.phone,
            location=report.location,
            category=report.category,
        )
        answer = (
            Answer(source=source, external_id=external_id, text=answer_text, answered_at=answered)
            if answered
            else None
        )
        return Entry(self.row, complaint, answer)

    def _cell(self, column: Column) -> Cell:
        place = self.table.places.get(column)
        return "" if place is None or place >= len(self.row.cells) else self.row.cells[place]

    def _text(self, column: Column) -> str:
        text = text_of(self._cell(column))
        if (character := unsafe_character(text)) is not None:
            self._refuse(column, f"含有不能保存的字符（{character}）")
        return text

    def _refuse(self, column: Column, message: str) -> None:
        self.reasons.append(Reason(column_name(self.table, column), message))

    def _check_width(self) -> None:
        beyond = [cell for cell in self.row.cells[len(self.table.header) :] if text_of(cell).strip()]
        if beyond:
            self.reasons.append(Reason("整行", f"比表头多出 {len(beyond)} 格，可能缺少引号"))

    def _external_id(self) -> str:
        cell = self._cell(Column.EXTERNAL_ID)
        column = Column.EXTERNAL_ID
        if isinstance(cell, float | int) and not _is_exact(cell):
            self._refuse(column, "应为文字或 15 位以内的整数，更长的编号请把这一列设为文本")
        elif not isinstance(cell, str | float | int):
            self._refuse(column, "应为文字或整数")
        name = clean_line(self._text(column))
        if not name:
            self._refuse(column, "必须填写")
        elif len(name) > EXTERNAL_ID_LIMIT:
            self._refuse(column, f"太长，最多 {EXTERNAL_ID_LIMIT} 个字")
        return name

    def _report(self) -> Report | None:
        given = Given(
            text=self._text(Column.TEXT),
            subject=self._text(Column.SUBJECT),
            location=self._text(Column.LOCATION),
            name=self._text(Column.NAME),
            phone=self._text(Column.PHONE),
            category=clean_line(self._text(Column.CATEGORY)) or None,
        )
        try:
            return check_report(given, _Any())
        except ReportError as error:
            for one in error.errors:
                self._refuse(Column(one.field), one.message)
            return None

    def _answer_text(self) -> str:
        text = clean_text(self._text(Column.ANSWER))
        if text and (problem := text_problem(text)) is not None:
            self._refuse(Column.ANSWER, problem)
        return text

    def _times(self, *, answered: bool) -> tuple[datetime | None, datetime | None]:
        """Registration and answer, in UTC."""
        if _is_blank(self._cell(Column.REGISTERED_AT)):
            self._refuse(Column.REGISTERED_AT, "必须填写")
        if answered == _is_blank(self._cell(Column.ANSWERED_AT)):
            column, lacking = (Column.ANSWERED_AT, "时间") if answered else (Column.ANSWER, "内容")
            other = Column.ANSWER if answered else Column.ANSWERED_AT
            self._refuse(column, f"有{column_name(self.table, other)}却没有{lacking}")
        asked, replied = self._time(Column.REGISTERED_AT), self._time(Column.ANSWERED_AT)
        if asked is None:
            return None, None
        if replied is None:
            return self._in_range(Column.REGISTERED_AT, latest(asked)), None
        registered_at, answered_at = span(asked, replied)
        if answered_at < registered_at:
            name = column_name(self.table, Column.REGISTERED_AT)
            self._refuse(Column.ANSWERED_AT, f"早于{name}")
        return (
            self._in_range(Column.REGISTERED_AT, registered_at),
            self._in_range(Column.ANSWERED_AT, answered_at),
        )

    def _time(self, column: Column) -> Written | None:
        cell = self._cell(column)
        if _is_blank(cell):
            return None
        written = read_time(cell)
        if written is None:
            shown = text_of(cell).strip()[:30]
            self._refuse(column, f"“{shown}”不是有效的时间，应像 2019-04-24 16:03:40")
        return written

    def _in_range(self, column: Column, moment: datetime) -> datetime:
        if moment > self.now:
            self._refuse(column, "在将来")
        elif moment < TIMED_FROM:
            self._refuse(column, f"早于 {TIMED_FROM.year} 年，没有可用的时效标准")
        return moment


def text_of(cell: Cell) -> str:
    """A cell as the text a person sees in it; whole numbers without a decimal point."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell)


def _is_blank(cell: Cell) -> bool:
    return isinstance(cell, str) and not clean_text(cell)


def _is_exact(number: float) -> bool:
    return not isinstance(number, bool) and float(number).is_integer() and abs(number) < 10**EXACT_DIGITS
