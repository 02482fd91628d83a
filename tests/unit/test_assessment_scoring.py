"""Scoring: the counting rules one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.assessment.domain.facts import Basis, Case, Miss, OverdueWorkday
from services.assessment.domain.rulebook import CaseCap, RuleBook
from services.assessment.domain.scoring import Charge, ChargeKey, desired_charges
from tests.support.scoring_facts import at, miss, overdue, rule_book, uid


def charges(
    misses: Sequence[Miss],
    days: Sequence[OverdueWorkday] = (),
    cases: Sequence[Case] = (),
    book: RuleBook | None = None,
) -> dict[ChargeKey, Charge]:
    known = {m.case_id: Case(m.case_id) for m in misses} | {case.case_id: case for case in cases}
    return desired_charges(known, misses, days, {1: book or rule_book()}, known.keys())


def amounts(charged: dict[ChargeKey, Charge]) -> dict[tuple[str, str], int]:
    """Amounts by clause and what follows the deadline in the occurrence."""
    return {(key.clause, key.occurrence.partition(":")[2]): c.amount_fen for key, c in charged.items()}


@pytest.mark.parametrize(
    ("kind", "urgency", "lines"),
    [
        ("accept", "P3", {("C-ACCEPT-LATE", ""): 5_000}),
        ("arrive", "P3", {("C-ARRIVE-LATE", ""): 10_000, ("C-ARRIVE-LATE", "unit_leaders"): 2_000}),
        ("arrive", "P2", {("C-ARRIVE-LATE", ""): 30_000, ("C-ARRIVE-LATE", "unit_leaders"): 6_000}),
        ("arrive", "P1", {("C-ARRIVE-LATE", ""): 30_000, ("C-ARRIVE-LATE", "unit_leaders"): 6_000}),
        ("complete", "P3", {("C-COMPLETE-LATE", ""): 10_000, ("C-COMPLETE-LATE", "unit_leaders"): 2_000}),
        ("answer", "P1", {("C-NO-REPLY", ""): 10_000, ("C-NO-REPLY", "unit_leaders"): 2_000}),
    ],
)
def test_first_breach_costs_the_base_and_the_linked_share(
    kind: str, urgency: str, lines: dict[tuple[str, str], int]
) -> None:
    assert amounts(charges([miss("a", kind, "2019-04-09 09:12", urgency=urgency)])) == lines


@pytest.mark.parametrize(
    ("earlier", "factor"),
    [
        ("2019-03-10 09:12", 2),  # 30 days before, to the minute
        ("2019-03-10 09:11", 1),
        ("2019-04-09 09:11", 2),
        ("2019-04-09 09:13", 1),  # later, though it may have been reported earlier
    ],
)
def test_repeat_within_30_days_doubles_base_and_share(earlier: str, factor: int) -> None:
    charged = charges([miss("b", "answer", earlier), miss("a", "answer", "2019-04-09 09:12")])
    of_a = {key.occurrence: c.amount_fen for key, c in charged.items() if key.case_id == uid("a")}

    deadline = str(uid("a-answer"))
    assert of_a == {deadline: 10_000 * factor, f"{deadline}:unit_leaders": 2_000 * factor}


def test_other_units_and_other_clauses_are_no_repeat() -> None:
    charged = charges(
        [
            miss("b", "answer", "2019-04-01 09:00", unit="water"),
            miss("a", "complete", "2019-04-02 09:00"),
            miss("a", "answer", "2019-04-03 09:00"),
        ]
    )

    assert sum(charge.amount_fen for charge in charged.values()) == 3 * 12_000


def test_third_breach_is_doubled_once() -> None:
    charged = charges([miss(case, "accept", f"2019-04-0{n} 09:00") for n, case in enumerate("abc", start=1)])

    assert sorted(charge.amount_fen for charge in charged.values()) == [5_000, 10_000, 10_000]


def test_of_two_at_the_same_instant_exactly_one_is_the_repeat() -> None:
    misses = [miss(case, "accept", "2019-04-01 09:00") for case in "ab"]

    assert charges(misses) == charges(misses[::-1])
    assert sorted(charge.amount_fen for charge in charges(misses).values()) == [5_000, 10_000]


def test_further_workdays_cost_50_yuan_each_up_to_500_with_the_base() -> None:
    late = miss("a", "complete", "2019-04-01 09:00")
    charged = amounts(charges([late], [overdue(late, n) for n in range(1, 13)]))
    days = {line: fen for (_, line), fen in charged.items() if line.startswith("w")}

    assert days == {f"w{n}": 5_000 for n in range(1, 9)}


def test_repeat_leaves_less_room_for_further_workdays_under_the_cap() -> None:
    late = miss("a", "complete", "2019-04-02 09:00")
    before = miss("b", "complete", "2019-04-01 09:00")
    charged = charges([before, late], [overdue(late, n) for n in range(1, 13)])
    lines = {
        key.occurrence.partition(":")[2]: c.amount_fen
        for key, c in charged.items()
        if key.case_id == uid("a")
    }

    assert lines == {"": 20_000, "unit_leaders": 4_000} | {f"w{n}": 5_000 for n in range(1, 7)}


def test_further_workday_is_charged_to_the_unit_that_had_the_case() -> None:
    late = miss("a", "complete", "2019-04-01 09:00")
    charged = charges([late], [overdue(late, 1, unit="water")])

    assert {c.unit for key, c in charged.items() if key.occurrence.endswith(":w1")} == {"water"}


def test_further_workday_without_its_miss_costs_nothing() -> None:
    late = miss("a", "complete", "2019-04-01 09:00")

    assert (
        desired_charges({uid("a"): Case(uid("a"))}, [], [overdue(late, 1)], {1: rule_book()}, [uid("a")])
        == {}
    )


def test_event_told_twice_counts_once() -> None:
    late = miss("a", "complete", "2019-04-01 09:00")
    day = overdue(late, 1)

    assert charges([late, late], [day, day]) == charges([late], [day])


def test_case_out_of_scope_only_decides_repeats() -> None:
    misses = [miss("b", "accept", "2019-04-01 09:00"), miss("a", "accept", "2019-04-02 09:00")]
    cases = {m.case_id: Case(m.case_id) for m in misses}
    charged = desired_charges(cases, misses, (), {1: rule_book()}, {uid("a")})

    assert {key.case_id: c.amount_fen for key, c in charged.items()} == {uid("a"): 10_000}


def test_fallback_case_counts_only_once_the_office_took_it() -> None:
    fallen = Case(uid("a"), fallback_unit="office")
    late = [miss("a", "answer", "2019-04-09 09:00", unit="office")]

    assert charges(late, cases=[fallen]) == {}
    assert charges(late, cases=[fallen.taken_by("water")]) == {}
    assert len(charges(late, cases=[fallen.taken_by("office")])) == 2


def test_fallback_case_counts_for_the_unit_it_was_passed_on_to() -> None:
    late = [miss("a", "answer", "2019-04-09 09:00", unit="water")]

    assert len(charges(late, cases=[Case(uid("a"), fallback_unit="office")])) == 2


def test_untaken_fallback_case_makes_no_other_a_repeat() -> None:
    misses = [
        miss("a", "answer", "2019-04-08 09:00", unit="office"),
        miss("b", "answer", "2019-04-09 09:00", unit="office"),
    ]
    charged = charges(misses, cases=[Case(uid("a"), fallback_unit="office")])

    assert amounts(charged)["C-NO-REPLY", ""] == 10_000


def test_line_belongs_to_the_shanghai_month_of_its_event() -> None:
    charged = charges([miss("a", "accept", "2019-04-30 23:59"), miss("b", "accept", "2019-05-01 00:00")])

    assert {key.case_id: charge.month for key, charge in charged.items()} == {
        uid("a"): "2019-04",
        uid("b"): "2019-05",
    }


def test_case_cap_is_credited_in_the_month_and_to_the_unit_that_exceeded_it() -> None:
    book = replace(rule_book(), case_cap=CaseCap("C-CASE-CAP", "单件封顶", 15_000))
    misses = [
        miss("a", "accept", "2019-04-29 09:00"),  # 50
        miss("a", "complete", "2019-04-30 09:00"),  # 100 + 20: 20 over
        miss("a", "answer", "2019-05-02 09:00", unit="water"),  # 100 + 20, all over
    ]
    charged = charges(misses, book=book)
    given = {key.occurrence: c for key, c in charged.items() if key.clause == "C-CASE-CAP"}

    assert {name: (c.unit, c.month, c.amount_fen) for name, c in given.items()} == {
        "repair:2019-04": ("repair", "2019-04", -2_000),
        "water:2019-05": ("water", "2019-05", -12_000),
    }
    assert sum(charge.amount_fen for charge in charged.values()) == 15_000
    assert given["water:2019-05"].explanation == (
        "单件封顶：本件扣款累计 290.00 元，封顶 150.00 元，此前已冲减 20.00 元，冲减 120.00 元"
    )
    assert given["water:2019-05"].evidence == (uid("event a-answer"),)


def test_missing_rule_book_or_case_is_an_error_not_a_guess() -> None:
    late = miss("a", "accept", "2019-04-01 09:00", rule_book_version=9)
    with pytest.raises(KeyError):
        desired_charges({uid("a"): Case(uid("a"))}, [late], (), {1: rule_book()}, [uid("a")])
    with pytest.raises(KeyError):
        desired_charges({}, [late], (), {9: rule_book()}, [uid("a")])


def test_explanation_lets_the_unit_check_the_arithmetic() -> None:
    late = miss(
        "a",
        "answer",
        "2019-04-09 09:12",
        registered_at=at("2019-04-01 09:12"),
        stopped_at=at("2019-04-11 11:32"),
        elapsed_minutes=3500,
    )
    charged = charges([miss("b", "answer", "2019-03-20 10:00"), late])
    base = charged[ChargeKey(uid("a"), "C-NO-REPLY", str(uid("a-answer")))]
    share = charged[ChargeKey(uid("a"), "C-NO-REPLY", f"{uid('a-answer')}:unit_leaders")]

    assert base.explanation == (
        "答复时限 5 个工作日（2400 工作分钟），登记 2019-04-01 09:12，应于 2019-04-09 09:12 前答复，"
        "实际 2019-04-11 11:32，用时 3500 工作分钟，超出 1100 工作分钟（2 个工作日 2 小时 20 分）；"
        "基数 100.00 元，此前 30 天内同单位同条款已有一次（2019-03-20 10:00），×2，扣 200.00 元"
        "（标准 T-REPAIR，细则第 1 版，日历第 1 版）"
    )
    assert base.evidence == (uid("event a-answer"), uid("event b-answer"))
    assert share.explanation == (
        "连挂单位领导：未在时限内答复投诉人，基本扣款 200.00 元的 20%，扣 40.00 元，计入单位绩效总额"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget_minutes": 30}, "接单时限 30 工作分钟，"),
        ({"basis": Basis.NATURAL, "budget_minutes": 10}, "接单时限 10 分钟，"),
        ({"basis": Basis.NATURAL, "budget_minutes": 1440}, "接单时限 24 小时（1440 分钟），"),
        ({}, "届时尚未接单；"),
        ({"stopped_at": at("2019-04-09 09:13")}, "超出不足 1 工作分钟；"),
        (
            {"basis": Basis.NATURAL, "stopped_at": at("2019-04-09 10:00"), "elapsed_minutes": 2459},
            "用时 2459 分钟，超出 59 分钟；",
        ),
        (
            {"basis": Basis.NATURAL, "stopped_at": at("2019-04-11 10:00"), "elapsed_minutes": 5340},
            "超出 2940 分钟（2 天 1 小时）；",
        ),
    ],
)
def test_explanation_names_the_clock_own_time(changes: dict[str, Any], words: str) -> None:
    (charge,) = charges([miss("a", "accept", "2019-04-09 09:12", **changes)]).values()

    assert words in charge.explanation


def test_further_workday_explains_itself() -> None:
    late = miss("a", "complete", "2019-04-09 09:12")
    charged = charges([late], [overdue(late, 1)])

    assert charged[ChargeKey(uid("a"), "C-COMPLETE-LATE", f"{uid('a-complete')}:w1")].explanation == (
        "应于 2019-04-09 09:12 前办结，至 2019-04-10 09:12 逾期满第 1 个工作日；"
        "每满一个工作日加扣 50.00 元，连同基数封顶 500.00 元，扣 50.00 元"
    )
