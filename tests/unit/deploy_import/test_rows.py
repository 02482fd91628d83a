"""Each row is a complaint that may be sent, or is refused with row, field and reason."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from deploy.importing.columns import find_table
from deploy.importing.reading import Sheet, SheetRow
from deploy.importing.rows import Entry, Refusal, judge
from services.dispatch.domain.answers import text_problem
from tests.support.import_files import HEADER, row

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FIRST = datetime(1, 1, 1, tzinfo=UTC)


def judged(*rows: Sequence[Any], header: Sequence[str] = HEADER) -> list[Entry | Refusal]:
    numbered = [SheetRow(number, tuple(cells)) for number, cells in enumerate([header, *rows], 1)]
    return list(judge(find_table([Sheet("Sheet1", tuple(numbered))]), "message-board", NOW))


def entry(*cells: Any, header: Sequence[str] = HEADER) -> Entry:
    (found,) = judged(cells, header=header)
    assert isinstance(found, Entry), found
    return found


def refusals(*rows: Sequence[Any], header: Sequence[str] = HEADER) -> list[str]:
    return [one.line() for one in judged(*rows, header=header) if isinstance(one, Refusal)]


def test_a_good_row_becomes_a_complaint_and_its_answer() -> None:
    found = entry(*row(7, 留言编号=7.0))

    assert found.complaint.model_dump() == {
        "source": "message-board",
        "external_id": "7",
        "registered_at": datetime(2019, 4, 1, 1, 30, tzinfo=UTC),
        "text": "第 7 栋楼下水管漏水，请派人来修。",
        "subject": "水管漏水",
        "name": "A00000007",
        "phone": "",
        "location": "",
        "category": None,
    }
    assert found.answer is not None
    assert found.answer.answered_at == datetime(2019, 4, 2, 2, 0, tzinfo=UTC)


def test_only_what_surely_is_dirt_is_cleaned() -> None:
    text = "\n\t\t 一楼_x000D_\n二楼\r\n  三楼  缩进\t保留 **** https://baidu.com/ =1+1 \t\n"

    found = entry(*row(1, 留言详情=text, 留言主题=" 停水 \n", 答复意见=f"\t{text}"))

    clean = "一楼\n二楼\n  三楼  缩进\t保留 **** https://baidu.com/ =1+1"
    assert (found.complaint.text, found.complaint.subject) == (clean, "停水")
    assert found.answer is not None
    assert found.answer.text == clean


def test_a_user_code_is_a_name_and_no_phone() -> None:
    found = entry(*row(1, 留言用户="UU00813800"))

    assert (found.complaint.name, found.complaint.phone) == ("UU00813800", "")


def test_further_columns_are_taken_too() -> None:
    header = ("编号", "时间", "详情", "类别", "电话", "地点", "来源")
    found = entry("甲-1", date(2019, 4, 1), "停水", "停水", 13800138000.0, "3 栋", "论坛", header=header)

    assert found.answer is None
    assert found.complaint.model_dump(exclude={"text", "subject", "name"}) == {
        "source": "论坛",
        "external_id": "甲-1",
        "registered_at": datetime(2019, 4, 1, 15, 59, 59, tzinfo=UTC),
        "phone": "+8613800138000",
        "location": "3 栋",
        "category": "停水",
    }


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"留言编号": ""}, "留言编号：必须填写"),
        ({"留言编号": 2.5}, "留言编号：应为文字或 15 位以内的整数，更长的编号请把这一列设为文本"),
        ({"留言编号": 1e17}, "留言编号：应为文字或 15 位以内的整数，更长的编号请把这一列设为文本"),
        ({"留言编号": True}, "留言编号：应为文字或 15 位以内的整数，更长的编号请把这一列设为文本"),
        ({"留言编号": date(2019, 4, 1)}, "留言编号：应为文字或整数"),
        ({"留言编号": "9" * 201}, "留言编号：太长，最多 200 个字"),
        ({"留言详情": " \n\t"}, "留言详情：必须填写，请写明发生了什么"),
        ({"留言详情": "长" * 2_000_000}, "留言详情：太长，最多 20000 个字"),
        ({"留言详情": "停水\x00"}, "留言详情：含有不能保存的字符（空字符 NUL）"),
        ({"留言主题": "长" * 201}, "留言主题：太长，最多 200 个字"),
        ({"留言时间": ""}, "留言时间：必须填写"),
        ({"留言时间": "上周"}, "留言时间：“上周”不是有效的时间，应像 2019-04-24 16:03:40"),
        ({"留言时间": "2019/2/30"}, "留言时间：“2019/2/30”不是有效的时间，应像 2019-04-24 16:03:40"),
        ({"留言时间": 43556.4}, "留言时间：“43556.4”不是有效的时间，应像 2019-04-24 16:03:40"),
        ({"留言时间": "2010/12/31 23:59:59"}, "留言时间：早于 2011 年，没有可用的时效标准"),
        ({"答复意见": "长" * 20_001}, f"答复意见：{text_problem('长' * 20_001)}"),
        ({"答复意见": "\t\n"}, "答复意见：有答复时间却没有内容"),
        ({"答复时间": ""}, "答复时间：有答复意见却没有时间"),
        ({"答复时间": "2019/3/31 10:00:00"}, "答复时间：早于留言时间"),
        ({"答复时间": "2019/3/31"}, "答复时间：早于留言时间"),
        ({"答复时间": "2026/11/23 17:00:01"}, "答复时间：在将来"),
        ({"留言时间": "2027/1/1 0:00", "答复时间": "2027/1/2 0:00"}, "留言时间：在将来；答复时间：在将来"),
        ({"留言编号": "", "留言详情": ""}, "留言编号：必须填写；留言详情：必须填写，请写明发生了什么"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_row_field_and_reason(changes: dict[str, Any], reasons: str) -> None:
    assert refusals(row(1), row(2, **changes), row(3)) == [f"第 3 行：{reasons}"]


def test_a_phone_that_is_none_is_refused() -> None:
    header = (*HEADER, "电话")

    assert refusals([*row(1), "1380013****"], header=header) == [
        "第 2 行：电话：应为 11 位手机号，或带区号的固定电话"
    ]


def test_no_answer_at_all_is_no_mistake() -> None:
    assert entry(*row(1, 答复意见="", 答复时间=" ")).answer is None


def test_a_row_twice_is_taken_once() -> None:
    assert refusals(row(1), row(2), row(1)) == ["第 4 行：留言编号：与第 2 行重复，内容也相同，只登记一次"]


def test_a_number_twice_with_other_content_is_taken_as_it_came_first() -> None:
    assert refusals(row(1), row(1, 留言详情="停电")) == [
        "第 3 行：留言编号：与第 2 行重复，但内容不同，以前面的一行为准"
    ]


def test_a_bad_row_does_not_stand_in_the_way_of_its_mended_copy() -> None:
    found = judged(row(1, 留言时间="?"), row(1))

    assert [type(one) for one in found] == [Refusal, Entry]


def test_the_same_number_from_another_source_is_another_complaint() -> None:
    header = (*HEADER, "来源")

    assert refusals([*row(1), "a"], [*row(1), "b"], [*row(1), ""], header=header) == []


def test_a_row_that_is_wider_than_the_header_lacks_a_quote() -> None:
    assert refusals([*row(1), "", "多"]) == ["第 2 行：整行：比表头多出 1 格，可能缺少引号"]


def test_a_short_row_lacks_its_last_columns() -> None:
    assert refusals(row(1)[:3]) == ["第 2 行：留言详情：必须填写，请写明发生了什么；留言时间：必须填写"]


def test_refusals_name_columns_as_the_file_does() -> None:
    assert refusals(("", "", ""), header=("message_id", "body", "created_at")) == [
        "第 2 行：message_id：必须填写；body：必须填写，请写明发生了什么；created_at：必须填写"
    ]


def test_an_entry_keeps_its_row_for_the_error_workbook() -> None:
    found = entry(*row(1))

    assert found.row == SheetRow(2, tuple(row(1)))


@pytest.mark.parametrize("answer", ["已经修好，谢谢反映。", ""])
@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("0001-01-01", "早于 2011 年"),
        ("0001-01-01 00:00", "早于 2011 年"),
        (FIRST.replace(tzinfo=None), "早于 2011 年"),
        (FIRST.date(), "早于 2011 年"),
        ("9999-12-31 23:00-08:00", "在将来"),
    ],
)
def test_a_time_at_the_ends_of_the_calendar_refuses_its_row_alone(
    written: object, why: str, answer: str
) -> None:
    replied = "2019/4/2 10:00:00" if answer else ""
    odd, good = judged(row(1, 留言时间=written, 答复意见=answer, 答复时间=replied), row(2))

    assert isinstance(odd, Refusal)
    assert why in odd.line()
    assert isinstance(good, Entry)
