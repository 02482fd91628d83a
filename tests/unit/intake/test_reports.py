"""What a report must hold."""

import pytest

from services.intake.domain.reports import (
    LOCATION_LIMIT,
    NAME_LIMIT,
    SUBJECT_LIMIT,
    TEXT_LIMIT,
    Given,
    Report,
    ReportError,
    check_report,
    phone_tail,
)

CATEGORIES = {"water.leak"}


def errors_of(given: Given) -> dict[str, str]:
    with pytest.raises(ReportError) as caught:
        check_report(given, CATEGORIES)
    return dict(caught.value.errors)


def test_a_report_is_cleaned() -> None:
    given = Given(
        text="\n水管漏了_x000D_\n快来 ",
        location=" 三号楼\n501",
        name=" 张 ",
        category="water.leak",
        urgency="",
    )
    assert check_report(given, CATEGORIES) == Report(
        text="水管漏了\n快来",
        subject="",
        location="三号楼 501",
        name="张",
        phone="",
        category="water.leak",
        urgency=None,
    )


def test_limits_hold_to_the_character() -> None:
    at_limit = Given(
        text="字" * TEXT_LIMIT,
        subject="题" * SUBJECT_LIMIT,
        location="处" * LOCATION_LIMIT,
        name="名" * NAME_LIMIT,
    )
    assert len(check_report(at_limit, CATEGORIES).text) == TEXT_LIMIT
    above = Given(
        text="字" * (TEXT_LIMIT + 1),
        subject="题" * (SUBJECT_LIMIT + 1),
        location="处" * (LOCATION_LIMIT + 1),
        name="名" * (NAME_LIMIT + 1),
    )
    assert errors_of(above) == {
        "text": "太长，最多 20000 个字",
        "subject": "太长，最多 200 个字",
        "location": "太长，最多 200 个字",
        "name": "太长，最多 50 个字",
    }


@pytest.mark.parametrize("text", ["", "  \n\t", "\u200b\u202e", "_x000D_"])
def test_a_report_says_something(text: str) -> None:
    assert list(errors_of(Given(text=text))) == ["text"]


@pytest.mark.parametrize("location", ["", "   ", "\u3000\u200b\n"])
def test_where_it_must_say_so_a_report_names_the_place(location: str) -> None:
    with pytest.raises(ReportError) as caught:
        check_report(Given(text="漏水", location=location), CATEGORIES, located=True)
    assert [one.field for one in caught.value.errors] == ["location"]
    assert check_report(Given(text="漏水", location=location), CATEGORIES).location == ""


def test_every_wrong_field_is_named_at_once() -> None:
    given = Given(text="", category="nonsense", urgency="P9", phone="12")
    assert set(errors_of(given)) == {"text", "category", "urgency", "phone"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("13812345678", "+8613812345678"),
        (" 138 1234 5678 ", "+8613812345678"),
        ("138-1234-5678", "+8613812345678"),
        ("+86 138 1234 5678", "+8613812345678"),
        ("138１２３４5678", "+8613812345678"),
        ("0990-6880101", "+869906880101"),
        ("(0990)6880101", "+869906880101"),
        ("+1 202-456-1111", "+12024561111"),
        ("", ""),
    ],
)
def test_phones(typed: str, kept: str) -> None:
    assert check_report(Given(text="漏水", phone=typed), CATEGORIES).phone == kept


@pytest.mark.parametrize(
    "typed", ["1381234", "12345678901", "没有", "138****5678", "1" * 50, "13812345678" * 9]
)
def test_no_phones(typed: str) -> None:
    assert "phone" in errors_of(Given(text="漏水", phone=typed))


def test_the_tail_is_the_last_four_digits() -> None:
    assert phone_tail("+8613812345678") == "5678"
    assert phone_tail("") is None
