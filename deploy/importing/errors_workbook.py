"""Gives refused rows back: a workbook beside the file, each row as it was with its number and the reasons."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import xlsxwriter

from deploy.importing.columns import Table
from deploy.importing.reading import Cell
from deploy.importing.rows import Refusal, text_of
from deploy.local.errors import LaunchError, cause_of

__all__ = ["errors_file", "safe_text", "write_errors"]

CELL_TEXT_LIMIT = 32_767  # characters, Excel's own
CUT = "……（过长，已截断）"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def errors_file(file: Path) -> Path:
    """Where the refused rows of `file` go."""
    return file.with_name(f"{file.stem}.错误.xlsx")


def write_errors(file: Path, table: Table, refusals: Sequence[Refusal]) -> Path:
    """Write the refused rows of `file` and return where; an earlier one is replaced whole.

    LaunchError if that place cannot be written.
    """
    target = errors_file(file)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as output:  # refused here, before anything is made ready
            _write(output, table, refusals)
        unfinished.replace(target)
    except (OSError, xlsxwriter.exceptions.FileCreateError) as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        cause = next((one for one in (error, *error.args) if isinstance(one, OSError)), OSError())
        raise LaunchError(
            f"不能写入错误表 {target}（{cause_of(cause)}）",
            "请检查文件夹的权限与磁盘空间，或把文件复制到可写的文件夹后重新导入",
        ) from error
    return target


def safe_text(cell: Cell) -> str:
    """The cell as text that no spreadsheet program takes for a formula, within Excel's length."""
    text = text_of(cell)
    if text.startswith(_FORMULA_STARTS):
        text = f"'{text}"
    return text if len(text) <= CELL_TEXT_LIMIT else text[: CELL_TEXT_LIMIT - len(CUT)] + CUT


def _write(target: BinaryIO, table: Table, refusals: Sequence[Refusal]) -> None:
    with xlsxwriter.Workbook(target, {"constant_memory": True, "strings_to_formulas": False}) as workbook:
        sheet = workbook.add_worksheet("错误")
        bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        width = max([len(table.header), *(len(one.row.cells) for one in refusals)])
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(width - 1, 0), 18)
        sheet.set_column(width, width, 8)
        sheet.set_column(width + 1, width + 1, 60)
        header = [*table.header, *[""] * (width - len(table.header)), "行号", "原因"]
        for column, cell in enumerate(header):
            sheet.write_string(0, column, safe_text(cell), bold)
        for line, refusal in enumerate(refusals, 1):
            for column, cell in enumerate(refusal.row.cells):
                _put(sheet, line, column, cell)
            sheet.write_number(line, width, refusal.row.number)
            sheet.write_string(line, width + 1, safe_text(refusal.why()))


def _put(sheet: xlsxwriter.worksheet.Worksheet, line: int, column: int, cell: Cell) -> None:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell):
        sheet.write_number(line, column, cell)
    elif cell != "":
        sheet.write_string(line, column, safe_text(cell))
