"""Columns are known by many names; what is missing is named together with what was found."""

import pytest

from deploy.importing.columns import ALIASES, Column, Table, find_table
from deploy.importing.reading import Sheet, SheetRow
from deploy.local.errors import LaunchError
from tests.support.import_files import HEADER, row


def sheet(*rows: object, name: str = "Sheet1") -> Sheet:
    return Sheet(name, tuple(SheetRow(number, tuple(cells)) for number, cells in enumerate(rows, 1)))  # type: ignore[arg-type]


def refusal(*sheets: Sheet) -> str:
    with pytest.raises(LaunchError) as refused:
        find_table(sheets)
    return refused.value.line()


def test_no_alias_means_two_columns() -> None:
    names = [name for names in ALIASES.values() for name in names]

    assert len(names) == len(set(names))


def test_the_seven_columns_of_the_message_board_are_known() -> None:
    table = find_table([sheet(HEADER, row(1))])

    assert table.places == {
        Column.EXTERNAL_ID: 0,
        Column.NAME: 1,
        Column.SUBJECT: 2,
        Column.REGISTERED_AT: 3,
        Column.TEXT: 4,
        Column.ANSWER: 5,
        Column.ANSWERED_AT: 6,
    }


def test_names_count_in_any_case_width_and_order_and_unknown_columns_are_left_alone() -> None:
    table = find_table([sheet((" 内 容 *", "Ｍessage_ID", "备注", "CREATED_AT", None), ())])

    assert table.places == {Column.TEXT: 0, Column.EXTERNAL_ID: 1, Column.REGISTERED_AT: 3}


def test_the_header_may_stand_below_a_title_or_on_another_sheet() -> None:
    table = find_table([sheet(("说明",), name="说明"), sheet(("2019 年留言",), HEADER, row(1))])

    assert isinstance(table, Table)
    assert [one.number for one in table.rows] == [3]


@pytest.mark.parametrize("lost", ["留言编号", "留言时间", "留言详情", "答复意见", "答复时间"])
def test_a_missing_column_is_named_with_those_found(lost: str) -> None:
    line = refusal(sheet([name for name in HEADER if name != lost], row(1)))

    assert f"缺少列：{lost}。" in line
    assert "留言主题" in line.partition("里有：")[2]


def test_every_missing_column_is_named_at_once() -> None:
    assert "缺少列：留言编号、留言详情、留言时间。" in refusal(sheet(("甲", "乙"), (1, 2)))


def test_answers_may_be_left_out_altogether() -> None:
    table = find_table([sheet(("编号", "时间", "详情"), (1, "2019/4/1", "停水"))])

    assert Column.ANSWER not in table.places


def test_two_columns_of_one_meaning_are_refused() -> None:
    line = refusal(sheet((*HEADER, "内容"), row(1)))

    assert "“留言详情”和“内容”" in line
