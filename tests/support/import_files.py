"""Files to import, made on the spot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

HEADER = ("留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间")


def row(number: int, **changes: Any) -> list[Any]:
    """A good row, with some of its cells (by name) changed."""
    cells: dict[str, Any] = dict(
        zip(
            HEADER,
            (
                number,
                f"A{number:08d}",
                "水管漏水",
                "2019/4/1 09:30:00",
                f"\n\t\t\t\t\t\n\t\t\t\t\t第 {number} 栋楼下水管漏水，请派人来修。\n\t\t\t\t",
                "已经修好，谢谢反映。",
                "2019/4/2 10:00:00",
            ),
            strict=True,
        )
    )
    unknown = changes.keys() - cells.keys()
    assert not unknown, unknown
    return list((cells | changes).values())


def write_workbook(
    file: Path, rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER, sheet: str = "Sheet1"
) -> Path:
    """An xlsx file of a header and rows; text is written as text, whatever it begins with."""
    with xlsxwriter.Workbook(
        file, {"strings_to_formulas": False, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    ) as book:
        page = book.add_worksheet(sheet)
        for number, cells in enumerate([header, *rows]):
            page.write_row(number, 0, cells)
    return file
