"""Refused rows come back as they were, with number and reasons, and no cell is taken for a formula."""

import stat
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from deploy.importing.columns import Table, find_table
from deploy.importing.errors_workbook import CELL_TEXT_LIMIT, errors_file, safe_text, write_errors
from deploy.importing.reading import Cell, Sheet, SheetRow
from deploy.importing.rows import Reason, Refusal
from deploy.local.errors import LaunchError
from tests.support.import_files import HEADER, row


def table() -> Table:
    return find_table([Sheet("Sheet1", (SheetRow(1, HEADER),))])


def refused(number: int, *cells: Cell) -> Refusal:
    return Refusal(SheetRow(number, cells), (Reason("留言时间", "必须填写"), Reason("留言编号", "必须填写")))


def written(file: Path) -> list[list[object]]:
    return CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python(skip_empty_area=False)  # type: ignore[no-any-return]


def test_a_refused_row_comes_back_whole_with_number_and_reasons(tmp_path: Path) -> None:
    cells = row(5, 留言时间="")

    file = write_errors(tmp_path / "四月.xlsx", table(), [refused(17, *cells)])

    assert file == tmp_path / "四月.错误.xlsx"
    header, line = written(file)
    assert header == [*HEADER, "行号", "原因"]
    assert line == [*cells, 17, "留言时间：必须填写；留言编号：必须填写"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_starts_a_formula(tmp_path: Path, start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"

    file = write_errors(tmp_path / "a.xlsx", table(), [refused(2, text)])

    assert safe_text(text) == f"'{text}"
    assert written(file)[1][0] == f"'{text}"


def test_a_text_beyond_excels_limit_is_cut_and_says_so(tmp_path: Path) -> None:
    file = write_errors(tmp_path / "a.xlsx", table(), [refused(2, "长" * 2_000_000)])

    cell = str(written(file)[1][0])
    assert len(cell) == CELL_TEXT_LIMIT
    assert cell.endswith("已截断）")


def test_cells_beyond_the_header_keep_their_place(tmp_path: Path) -> None:
    file = write_errors(tmp_path / "a.xlsx", table(), [refused(2, *row(1), "多"), refused(3, *row(2))])

    header, wide, plain = written(file)
    assert header == [*HEADER, "", "行号", "原因"]
    assert wide[7:9] == ["多", 2]
    assert plain[7:9] == ["", 3]


def test_an_older_error_workbook_is_replaced_whole(tmp_path: Path) -> None:
    write_errors(tmp_path / "a.xlsx", table(), [refused(2, "x"), refused(3, "y")])
    file = write_errors(tmp_path / "a.xlsx", table(), [refused(4, "z")])

    assert [line[7] for line in written(file)[1:]] == [4]
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    errors_file(tmp_path / "a.xlsx").mkdir()

    with pytest.raises(LaunchError, match="不能写入错误表"):
        write_errors(tmp_path / "a.xlsx", table(), [refused(2, "x")])

    assert [one.name for one in tmp_path.iterdir() if stat.S_ISREG(one.stat().st_mode)] == []


def test_a_number_that_excel_has_none_for_comes_back_as_text(tmp_path: Path) -> None:
    file = write_errors(tmp_path / "a.xlsx", table(), [refused(2, float("inf"), float("nan"), 7.5)])

    assert written(file)[1][:3] == ["inf", "nan", 7.5]


def test_why_the_workbook_cannot_be_written_is_said_in_chinese(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"不能写入错误表 .*（名称太长）") as told:
        write_errors(tmp_path / f"{'长' * 80}.csv", table(), [refused(2, *row(1))])

    assert "请检查文件夹" in told.value.line()
