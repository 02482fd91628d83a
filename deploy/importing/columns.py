"""Which column of a sheet holds what, by the names people give columns."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deploy.importing.reading import Cell, Sheet, SheetRow
from deploy.local.errors import LaunchError

__all__ = ["ALIASES", "Column", "Table", "find_table", "missing_columns"]


class Column(StrEnum):
    """What a column of an import may hold."""

    EXTERNAL_ID = "external_id"
    NAME = "name"
    SUBJECT = "subject"
    REGISTERED_AT = "registered_at"
    TEXT = "text"
    ANSWER = "answer"
    ANSWERED_AT = "answered_at"
    CATEGORY = "category"
    PHONE = "phone"
    LOCATION = "location"
    SOURCE = "source"


ALIASES: Mapping[Column, tuple[str, ...]] = {
    Column.EXTERNAL_ID: ("留言编号", "编号", "投诉编号", "工单编号", "message_id", "external_id", "id"),
    Column.TEXT: ("留言详情", "详情", "内容", "投诉内容", "留言内容", "反映内容", "body", "text"),
    Column.REGISTERED_AT: (
        "留言时间", "时间", "投诉时间", "登记时间", "反映时间", "created_at", "registered_at",
    ),
    Column.SUBJECT: ("留言主题", "主题", "标题", "subject", "title"),
    Column.NAME: ("留言用户", "用户", "姓名", "投诉人", "user", "name"),
    Column.ANSWER: ("答复意见", "答复", "答复内容", "回复", "回复内容", "reply", "answer"),
    Column.ANSWERED_AT: ("答复时间", "回复时间", "replied_at", "answered_at"),
    Column.CATEGORY: ("类别", "投诉类别", "分类", "category"),
    Column.PHONE: ("电话", "手机", "联系电话", "phone"),
    Column.LOCATION: ("地点", "地址", "位置", "location", "address"),
    Column.SOURCE: ("来源", "source"),
}  # fmt: skip
"""Names a column is known by; the first one is used in messages. Case, blanks and width do not matter."""

REQUIRED = (Column.EXTERNAL_ID, Column.TEXT, Column.REGISTERED_AT)
TOGETHER = (Column.ANSWER, Column.ANSWERED_AT)
HEADER_WITHIN = 10  # rows at the top in which the header may stand below a title

_FOLDED = {alias: column for column, aliases in ALIASES.items() for alias in aliases}
_NOISE = re.compile(r"[\s*:]+")


@dataclass(frozen=True, slots=True)
class Table:
    """The part of a sheet below its header. `places` has the index of each column that was recognised."""

    header: tuple[Cell, ...]
    places: Mapping[Column, int]
    rows: tuple[SheetRow, ...]

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of the columns that were not recognised."""
        used = set(self.places.values())
        names = (str(cell).strip() for index, cell in enumerate(self.header) if index not in used)
        return tuple(name for name in names if name)


def find_table(sheets: Sequence[Sheet]) -> Table:
    """Return the first sheet's table that has every column it needs.

    LaunchError naming the columns that are missing and those that were found, or one that is there twice.
    """
    for sheet in sheets:
        for index, row in enumerate(sheet.rows[:HEADER_WITHIN]):
            places = _places(row)
            if not missing_columns(places):
                _check_single(row)
                return Table(row.cells, places, sheet.rows[index + 1 :])
    header = max(sheets[0].rows[:HEADER_WITHIN], key=lambda row: len(_places(row)))
    missing = "、".join(ALIASES[column][0] for column in missing_columns(_places(header)))
    found = "、".join(str(cell).strip()[:20] for cell in header.cells if str(cell).strip()) or "无"
    raise LaunchError(
        f"缺少列：{missing}。表头（第 {header.number} 行）里有：{found[:300]}", "没有导入任何内容"
    )


def missing_columns(places: Mapping[Column, int]) -> tuple[Column, ...]:
    """Columns that an import needs and `places` lacks: an answer needs its time, and a time its answer."""
    needed = REQUIRED + (TOGETHER if any(column in places for column in TOGETHER) else ())
    return tuple(column for column in needed if column not in places)


def _places(row: SheetRow) -> dict[Column, int]:
    found: dict[Column, int] = {}
    for index, cell in enumerate(row.cells):
        column = _FOLDED.get(_fold(cell))
        if column is not None:
            found.setdefault(column, index)
    return found


def _check_single(header: SheetRow) -> None:
    seen: dict[Column, str] = {}
    for cell in header.cells:
        column = _FOLDED.get(_fold(cell))
        if column is None:
            continue
        if column in seen:
            raise LaunchError(f"“{seen[column]}”和“{cell}”两列的含义相同", "请只保留一列后再导入")
        seen[column] = str(cell).strip()


def _fold(cell: Cell) -> str:
    return _NOISE.sub("", unicodedata.normalize("NFKC", str(cell))).lower()
