"""Judges a workbook's ZIP container before anything reads it: what it claims and what it truly unpacks to."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from deploy.local.errors import LaunchError

__all__ = ["CELL_LIMIT", "UNPACKED_LIMIT", "check_workbook_container"]

UNPACKED_LIMIT = 100 * 1024 * 1024  # bytes, all parts together
CELL_LIMIT = 10_000_000  # cells of the rectangle that holds a sheet's content
PART_LIMIT = 2_000
RATIO_LIMIT = 300  # a real workbook seldom passes 30
RATIO_FROM = 1024 * 1024  # bytes unpacked, below which no ratio is judged

_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError, OSError, ValueError)
_CHUNK = 64 * 1024
_PIECE = 1024 * 1024
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,7})[\"']")
_OVERLAP = 40  # bytes; longer than any reference


def check_workbook_container(file: Path) -> None:
    """LaunchError, one line, if `file` is no ZIP of a workbook or unpacks to more than a workbook may."""
    try:
        with zipfile.ZipFile(file) as archive, file.open("rb") as stream:
            parts = archive.infolist()
            _check_parts(file, parts)
            total = 0
            for part in parts:
                total += _check_part(file, stream, part, total)
    except _DAMAGE as error:
        raise LaunchError(
            f"{file.name} 不是有效的 xlsx 文件，或者已损坏、加了密码", "请用 Excel 打开后另存为 xlsx 或 csv"
        ) from error


def _check_parts(file: Path, parts: list[zipfile.ZipInfo]) -> None:
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise LaunchError(f"{file.name} 不是 xlsx 工作簿", "请用 Excel 另存为 xlsx 或 csv")
    if len(parts) > PART_LIMIT or sum(part.file_size for part in parts) > UNPACKED_LIMIT:
        raise _too_large(file)
    if any(part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for part in parts):
        raise zipfile.BadZipFile("compression method")


def _check_part(file: Path, stream: BinaryIO, part: zipfile.ZipInfo, before: int) -> int:
    """Unpack one part, whatever size it declares; return its true size. LaunchError beyond the limits."""
    size, rows, columns = 0, 0, 0
    is_sheet = part.filename.startswith("xl/worksheets/")
    tail = b""
    for piece in _unpacked(stream, part):
        size += len(piece)
        if before + size > UNPACKED_LIMIT or size > max(RATIO_FROM, part.compress_size * RATIO_LIMIT):
            raise _too_large(file)
        if is_sheet:
            window = tail + piece
            for column, row in _REFERENCE.findall(window):
                rows, columns = max(rows, int(row)), max(columns, _column_number(column))
            tail = window[-_OVERLAP:]
    if rows * columns > CELL_LIMIT:
        raise LaunchError(
            f"{file.name} 的工作表太大（{rows} 行 × {columns} 列）", "请删除表格右边和下边的空行空列后再导入"
        )
    return size


def _unpacked(stream: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """The part's content in pieces, from its own stream and not by the size it declares."""
    stream.seek(part.header_offset)
    header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    stream.seek(header[9] + header[10], 1)
    left = part.compress_size
    inflate = zlib.decompressobj(-15) if part.compress_type == zipfile.ZIP_DEFLATED else None
    while left > 0:
        packed = stream.read(min(_CHUNK, left))
        if not packed:
            raise EOFError
        left -= len(packed)
        if inflate is None:
            yield packed
            continue
        while packed:
            yield inflate.decompress(packed, _PIECE)
            packed = inflate.unconsumed_tail


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _too_large(file: Path) -> LaunchError:
    limit = UNPACKED_LIMIT // 1024 // 1024
    return LaunchError(
        f"{file.name} 解压后过大，可能是压缩炸弹，没有读取", f"解压后最多 {limit} MB；请把内容分成几个文件"
    )
