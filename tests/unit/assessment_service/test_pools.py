"""The pools that units enter the month with, and the cap they put on what the month can cost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assessment.domain.months import MonthError
from services.assessment.domain.pools import (
    AmountError,
    Cap,
    Pool,
    UnitMonth,
    cap_of,
    check_from_month,
    credit_of,
    pool_of,
    read_yuan,
)
from services.assessment.domain.rulebook import UnitMonthCap, read_rule_book
from services.assessment.domain.scoring import ChargeKey
from tests.support.scoring_facts import rule_book, uid
from tests.support.shipped import raw_rule_book

APRIL = UnitMonth("repair", "2019-04")
RULE = UnitMonthCap(10)
FIRST = datetime(2010, 12, 31, 16, 0, tzinfo=UTC)  # midnight of 2011-01-01 in Shanghai
NOW = datetime(2026, 10, 31, 16, 30, tzinfo=UTC)  # half past midnight of 2026-11-01 in Shanghai


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("120000", 12_000_000),
        (" 120,000.5 ", 12_000_050),
        ("0.01", 1),
        ("0", 0),
        ("１２０，０００．５０", 12_000_050),
        ("99999999999.99", 9_999_999_999_999),
    ],
)
def test_an_amount_in_yuan_is_read_to_the_fen(text: str, fen: int) -> None:
    assert read_yuan(text) == fen


@pytest.mark.parametrize("text", ["", "-1", "12万", "1.234", "1e5", ".5", "1.", "100000000000", "一百"])
def test_what_is_no_amount_says_what_is(text: str) -> None:
    with pytest.raises(AmountError, match="例如 120000"):
        read_yuan(text)


@given(st.integers(0, 10**13 - 1))
def test_every_amount_is_read_back_as_written(fen: int) -> None:
    assert read_yuan(f"{fen // 100}.{fen % 100:02d}") == fen


@pytest.mark.parametrize("month", ["2011-01", "2026-11", "2027-11"])
def test_a_pool_holds_from_any_open_month_up_to_a_year_ahead(month: str) -> None:
    check_from_month(month, frozenset(), first=FIRST, now=NOW)


@pytest.mark.parametrize(
    ("month", "says"),
    [
        ("2010-12", "不能更早"),
        ("2027-12", "最多提前一年，即 2027-11"),
        ("2026-08", "2026-09 已冻结"),
        ("2026-09", "2026-09 已冻结"),
        ("十月", "2019-04 这样的形式"),
    ],
)
def test_a_pool_cannot_reach_back_to_a_frozen_month_or_far_ahead(month: str, says: str) -> None:
    with pytest.raises(MonthError, match=says):
        check_from_month(month, {"2026-07", "2026-09"}, first=FIRST, now=NOW)


def test_the_newest_pool_that_has_begun_holds() -> None:
    pools = [
        Pool("repair", "2019-03", 100),
        Pool("repair", "2019-05", 300),
        Pool("repair", "2019-03", 200),
        Pool("water", "2019-04", 999),
        Pool("repair", "2019-06", None),
    ]

    held = {month: pool_of(UnitMonth("repair", f"2019-0{month}"), pools) for month in range(2, 8)}

    assert held == {2: None, 3: 200, 4: 200, 5: 300, 6: None, 7: None}


def test_the_shipped_rule_book_caps_a_month_at_a_tenth_of_the_pool() -> None:
    cap = cap_of(APRIL, [Pool("repair", "2019-01", 1_200_005)], {1: rule_book()})

    assert cap == Cap(RULE, 1, 1_200_005, 120_001)


def test_nothing_caps_a_month_without_pool_or_without_the_rule_or_before_the_first_book() -> None:
    caps = {name: value for name, value in raw_rule_book()["caps"].items() if name == "case"}
    older = read_rule_book(raw_rule_book() | {"caps": caps})
    pools = [Pool("repair", "2010-01", 1_000_000)]

    assert cap_of(APRIL, [], {1: rule_book()}) is None
    assert cap_of(APRIL, [Pool("repair", "2019-04", None)], {1: rule_book()}) is None
    assert cap_of(APRIL, pools, {1: older}) is None
    assert cap_of(UnitMonth("repair", "2010-12"), pools, {1: rule_book()}) is None


@pytest.mark.parametrize(("pool_fen", "cap_fen"), [(1_000, 100), (1_004, 100), (1_005, 101), (4, 0), (0, 0)])
def test_a_share_of_a_fen_is_rounded_half_up(pool_fen: int, cap_fen: int) -> None:
    assert RULE.amount(pool_fen) == cap_fen


def test_a_month_over_its_cap_gets_the_rest_back_in_words_that_can_be_checked() -> None:
    cap = Cap(RULE, 1, 120_000, 12_000)

    ((key, charge),) = credit_of(APRIL, 20_050, uid("event"), cap).items()

    assert key == ChargeKey(None, "C-MONTH-CAP", "repair:2019-04")
    assert (charge.unit, charge.amount_fen, charge.month) == ("repair", -8_050, "2019-04")
    assert charge.evidence == (uid("event"),)
    assert charge.explanation == (
        "单月封顶：2019-04 本单位扣款合计 200.50 元，封顶为绩效总额 1,200.00 元的 10%，即 120.00 元，"
        "冲减 80.50 元（细则第 1 版）"
    )


@given(st.integers(-(10**6), 10**7), st.integers(0, 10**7))
def test_what_a_month_costs_never_exceeds_its_cap_and_is_never_raised(charged: int, pool: int) -> None:
    cap = Cap(RULE, 1, pool, RULE.amount(pool))

    given_back = sum(-one.amount_fen for one in credit_of(APRIL, charged, uid("event"), cap).values())

    assert charged - given_back == min(charged, cap.fen)
