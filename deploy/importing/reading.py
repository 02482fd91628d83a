"""Reads a workbook or a CSV file into raw cells. What is wrong with the whole file is one clear line."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from deploy.importing.archive import UNPACKED_LIMIT, check_workbook_container
from deploy.local.errors import LaunchError, cause_of

__all__ = ["Cell", "Sheet", "SheetRow", "read_sheets"]

Cell = object
"""A cell as the file gives it: text, number, truth value, date or time; empty text for nothing."""

FILE_LIMIT = UNPACKED_LIMIT


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row and its number as a spreadsheet program shows it, from 1."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one sheet that hold anything, in order."""

    name: str
    rows: tuple[SheetRow, ...]


def read_sheets(file: Path) -> tuple[Sheet, ...]:
    """Return the visible sheets that hold anything; a CSV file is one sheet.

    LaunchError for a file that is missing, empty, too large, of another kind or damaged.
    """
    _check_file(file)
    suffix = file.suffix.lower()
    if suffix == ".xlsx":
        sheets = tuple(_read_workbook(file))
    elif suffix == ".csv":
        sheets = (Sheet(file.name, _filled(_read_csv(file))),)
    else:
        raise LaunchError(f"不支持 {file.suffix or '没有扩展名的'} 文件：{file.name}", "请另存为 xlsx 或 csv")
    sheets = tuple(sheet for sheet in sheets if sheet.rows)
    if not sheets:
        raise LaunchError(f"{file.name} 是空的，没有任何内容")
    return sheets


def _check_file(file: Path) -> None:
    try:
        size = file.stat().st_size
        if file.is_dir():
            raise LaunchError(f"{file} 是文件夹，不是文件")
        if not file.is_file():  # to open a pipe would wait for ever
            raise LaunchError(f"{file} 不是普通文件", "请先把内容存成文件")
        with file.open("rb"):
            pass
    except FileNotFoundError as error:
        raise LaunchError(f"没有这个文件：{file}") from error
    except OSError as error:
        raise LaunchError(f"不能读取 {file}（{cause_of(error)}）") from error
    if size == 0:
        raise LaunchError(f"{file.name} 是空文件")
    if size > FILE_LIMIT:
        raise LaunchError(f"{file.name} 太大，最多 {FILE_LIMIT // 1024 // 1024} MB", "请分成几个文件")


def _read_workbook(file: Path) -> Iterator[Sheet]:
    check_workbook_container(file)
    try:
        with CalamineWorkbook.from_path(file) as workbook:
            for sheet in workbook.sheets_metadata:
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible:
                    cells = workbook.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
                    yield Sheet(sheet.name, _filled(cells))
    except CalamineError as error:
        raise LaunchError(
            f"{file.name} 不是有效的 xlsx 文件，或者已损坏", "请用 Excel 打开后另存为 xlsx 或 csv"
        ) from error


def _read_csv(file: Path) -> Iterator[list[str]]:
    text = _decoded(file)
    csv.field_size_limit(FILE_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise LaunchError(
            f"{file.name} 第 {reader.line_num} 行附近不是有效的 CSV（引号没有配对或多余）",
            "请检查这一行的引号",
        ) from error


def _decoded(file: Path) -> str:
    content = file.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise LaunchError(f"{file.name} 不是文本文件，或者不是 UTF-8、GB18030 编码", "请另存为 UTF-8 编码的 CSV")


_BLANK = re.compile(r"\s*")


def _filled(rows: Sequence[Sequence[Cell]] | Iterator[list[str]]) -> tuple[SheetRow, ...]:
    """Rows that hold anything, numbered before the empty ones are left out."""
    return tuple(
        SheetRow(number, tuple(cells)) for number, cells in enumerate(rows, 1) if any(map(_holds, cells))
    )


def _holds(cell: Cell) -> bool:
    return not isinstance(cell, str) or _BLANK.fullmatch(cell) is None
