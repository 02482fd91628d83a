"""Dirty text: what is cleaned, what stays, and that cleaning twice is cleaning once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.texts import clean_line, clean_text, unsafe_character

ANY_TEXT = st.text(st.characters(categories=None) | st.sampled_from("_x000D\r\n\t \x00\u202e\ud800"))


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\n\t\t  水管漏了 \n\n\t", "水管漏了"),
        ("第一行_x000D_\n第二行", "第一行\n第二行"),
        ("第一行_x000D_第二行", "第一行\n第二行"),
        ("第一行\r\n第二行\r第三行", "第一行\n第二行\n第三行"),
        ("空\x00字\x07符\x1b[31m", "空字符[31m"),
        ("半个\ud83d字", "半个字"),
        ("倒\u202e着\u2066写", "倒着写"),
        ("零\u200b宽\ufeff", "零宽"),
        ("中间  的\t空白 不动", "中间  的\t空白 不动"),
        ("表情😀和生僻字𠮷不动", "表情😀和生僻字𠮷不动"),
        ("\u3000全角空格在两边\u3000", "全角空格在两边"),
    ],
)
def test_what_is_cleaned(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@given(ANY_TEXT)
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    assert clean_line(clean_line(text)) == clean_line(text)


@given(ANY_TEXT)
def test_what_is_clean_can_be_kept(text: str) -> None:
    clean = clean_text(text)
    assert unsafe_character(clean) is None
    clean.encode()
    assert "\n" not in clean_line(text)


def test_a_line_is_one_line() -> None:
    assert clean_line(" 三号楼 \n\n 二单元_x000D_\n501 ") == "三号楼 二单元 501"


def test_what_cannot_be_kept_is_named() -> None:
    assert unsafe_character("一\x00二") == "空字符 NUL"
    assert unsafe_character("一\udc00二") == "不成对的代理字符"
    assert unsafe_character("一\n二😀") is None


def test_cleaning_is_linear_in_the_length() -> None:
    clean_line("a" + " " * 2_000_000 + "b")
    clean_text("_x000D_" * 200_000)
