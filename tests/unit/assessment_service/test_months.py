"""Which months have a statement, which can be frozen, and where their entries go then."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.assessment.domain.months import (
    MonthError,
    MonthFormError,
    books_in_force,
    check_freezable,
    check_month,
    end_of,
    open_month,
)
from services.assessment.domain.wording import month_of
from tests.support.scoring_facts import rule_book

FIRST = datetime(2010, 12, 31, 16, 0, tzinfo=UTC)  # midnight of 2011-01-01 in Shanghai
NOW = datetime(2026, 10, 31, 16, 30, tzinfo=UTC)  # half past midnight of 2026-11-01 in Shanghai


@pytest.mark.parametrize("month", ["2011-01", "2019-04", "2026-11"])
def test_months_since_the_first_rule_book_up_to_now_have_one(month: str) -> None:
    assert check_month(month, first=FIRST, now=NOW) == month


@pytest.mark.parametrize(
    "text", ["", "2019", "2019-13", "2019-00", "19-04", "2019-04-01", "2019-04\n", "二〇一九"]
)
def test_what_is_no_month_is_told_apart(text: str) -> None:
    with pytest.raises(MonthFormError, match="2019-04"):
        check_month(text, first=FIRST, now=NOW)


@pytest.mark.parametrize(("month", "says"), [("2010-12", "没有更早"), ("2026-12", "还没有到")])
def test_a_month_outside_says_why(month: str, says: str) -> None:
    with pytest.raises(MonthError, match=says):
        check_month(month, first=FIRST, now=NOW)


def test_only_a_month_that_is_over_can_be_frozen() -> None:
    check_freezable("2026-10", now=NOW)
    for month in ("2026-11", "2026-12"):
        with pytest.raises(MonthError, match="还没有结束"):
            check_freezable(month, now=NOW)


@pytest.mark.parametrize(
    ("month", "frozen", "goes_to"),
    [
        ("2019-04", set(), "2019-04"),
        ("2019-04", {"2019-03", "2019-05"}, "2019-04"),
        ("2019-04", {"2019-04"}, "2019-05"),
        ("2019-04", {"2019-04", "2019-05", "2019-07"}, "2019-06"),
        ("2019-11", {"2019-11", "2019-12"}, "2020-01"),
    ],
)
def test_entries_of_a_frozen_month_go_to_the_next_open_one(
    month: str, frozen: set[str], goes_to: str
) -> None:
    assert open_month(month, frozen) == goes_to


@pytest.mark.parametrize("month", ["2019-04", "2019-12", "2020-02"])
def test_the_end_of_a_month_is_its_last_second_in_shanghai(month: str) -> None:
    end = end_of(month)

    assert month_of(end) == month
    assert end.strftime("%H:%M:%S") == "23:59:59"
    assert month_of(end.replace(microsecond=999_999)) == month


def test_the_newest_book_in_force_rules_a_month() -> None:
    second = replace(rule_book(), version=2, in_force_from=datetime(2019, 4, 15, tzinfo=UTC))
    books = {1: rule_book(), 2: second}

    assert [book.version for book in books_in_force("2019-04", books)] == [2, 1]
    assert [book.version for book in books_in_force("2019-03", books)] == [1]
    assert books_in_force("2010-12", books) == []
