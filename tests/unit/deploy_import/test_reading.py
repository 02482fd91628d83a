"""What is wrong with a whole file is one clear line, before anything is sent."""

import csv
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from deploy.importing.archive import CELL_LIMIT, UNPACKED_LIMIT
from deploy.importing.reading import read_sheets
from deploy.local.errors import LaunchError
from tests.support.import_files import HEADER, row, write_workbook

TOO_LARGE = UNPACKED_LIMIT + 1024**2


def refusal(file: Path) -> str:
    with pytest.raises(LaunchError) as refused:
        read_sheets(file)
    line = refused.value.line()
    assert "\n" not in line
    return line


def test_rows_keep_the_numbers_a_person_sees_in_excel(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "a.xlsx", [row(1), [], ["\n\t"], row(2)])

    (sheet,) = read_sheets(file)

    assert [one.number for one in sheet.rows] == [1, 2, 5]
    assert sheet.rows[0].cells == HEADER


def test_a_csv_row_is_one_row_also_with_line_breaks_inside(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEADER, row(1), row(2)])

    (sheet,) = read_sheets(file)

    assert [one.number for one in sheet.rows] == [1, 2, 3]
    assert sheet.rows[1].cells[4] == row(1)[4]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_is_read_in_the_encodings_excel_writes(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("留言编号,留言详情\r\n1,𠮷祥里“停水”\r\n".encode(encoding))

    assert read_sheets(file)[0].rows[1].cells == ("1", "𠮷祥里“停水”")


def test_a_csv_cell_of_two_megabytes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"留言编号,留言详情\n1,{'长' * 2_000_000}\n", encoding="utf-8")

    assert len(str(read_sheets(file)[0].rows[1].cells[1])) == 2_000_000


def test_the_line_of_a_stray_quote_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('编号,详情\n1,"好"坏\n', encoding="utf-8")

    assert "第 2 行" in refusal(file)


def test_a_quote_that_never_closes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('编号,详情\n1,"好\n2,好\n', encoding="utf-8")

    assert "引号" in refusal(file)


def test_hidden_sheets_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    import xlsxwriter

    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet("看得见").write(0, 0, "x")
        hidden = book.add_worksheet("看不见")
        hidden.write(0, 0, "y")
        hidden.hide()

    assert [sheet.name for sheet in read_sheets(file)] == ["看得见"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.xlsx", b"", "空文件"),
        ("empty.csv", b"", "空文件"),
        ("blank.csv", b"\r\n , \r\n", "没有任何内容"),
        ("a.xls", b"x", "不支持 .xls"),
        ("noextension", b"x", "没有扩展名"),
        ("text.xlsx", b"hello", "不是有效的 xlsx"),
        ("binary.csv", b"\x00\x01\xff\xfe\x80", "不是文本文件"),
        ("invalid.csv", b"\xff\xff\xff\x81", "编码"),
    ],
)
def test_what_is_no_table_is_said_plainly(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    assert said in refusal(file)


def test_a_missing_file_and_a_folder_are_said_plainly(tmp_path: Path) -> None:
    folder = tmp_path / "a.xlsx"
    folder.mkdir()

    assert "没有这个文件" in refusal(tmp_path / "b.xlsx")
    assert "文件夹" in refusal(folder)


def test_a_workbook_without_any_cell_is_empty(tmp_path: Path) -> None:
    assert "没有任何内容" in refusal(write_workbook(tmp_path / "a.xlsx", [], header=()))


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")

    assert "不是 xlsx 工作簿" in refusal(file)


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    whole = write_workbook(tmp_path / "a.xlsx", [row(1)]).read_bytes()
    cut, torn = tmp_path / "cut.xlsx", tmp_path / "torn.xlsx"
    cut.write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 3
    torn.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])

    assert "损坏" in refusal(cut)
    assert "损坏" in refusal(torn)


def write_bomb(file: Path, declared: int) -> None:
    """A workbook with a sheet of zeros that unpacks to more than the limit, whatever size it declares."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(bytes(1024**2)) + packer.flush(zlib.Z_FULL_FLUSH)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", piece * (TOO_LARGE // 1024**2) + packer.flush())
    content = bytearray(file.read_bytes())
    for method in (content.rindex(b"PK\x03\x04") + 8, content.rindex(b"PK\x01\x02") + 10):
        struct.pack_into("<H", content, method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<L", content, method + 6, zlib.crc32(bytes(declared)))
        struct.pack_into("<L", content, method + 14, declared)
    file.write_bytes(content)


@pytest.mark.parametrize("declared", [TOO_LARGE, 1000])
def test_a_zip_bomb_is_refused_also_if_it_lies_about_its_size(tmp_path: Path, declared: int) -> None:
    file = tmp_path / "a.xlsx"
    write_bomb(file, declared)

    assert file.stat().st_size < 200_000
    assert "压缩炸弹" in refusal(file)


def test_a_sheet_whose_last_cell_is_far_away_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    import xlsxwriter

    file = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        page = book.add_worksheet()
        page.write(0, 0, "留言编号")
        page.write(1_048_575, 16_383, "x")
    assert CELL_LIMIT < 1_048_576 * 16_384

    assert "1048576 行 × 16384 列" in refusal(file)
