"""Which months have a statement."""

from datetime import UTC, datetime

import pytest

from services.assessment.domain.months import MonthError, MonthFormError, check_month

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
