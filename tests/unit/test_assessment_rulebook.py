"""The clauses of the rule book: the shipped figures, and clear errors for a broken book."""

import json
from copy import deepcopy
from typing import Any

import pytest

from services.assessment.domain.facts import ClockKind
from services.assessment.domain.rulebook import LinkedShare, Repeat, read_rule_book
from tests.support.scoring_facts import CLAUSES, raw_rule_book, rule_book


def test_every_kind_of_clock_has_its_clause() -> None:
    found = {kind: rule_book().clause_for(kind) for kind in ClockKind}

    assert {kind: clause.code for kind, clause in found.items() if clause} == CLAUSES


@pytest.mark.parametrize(
    ("code", "base", "repeated", "linked"),
    [
        ("C-ACCEPT-LATE", 5_000, 10_000, []),
        ("C-ARRIVE-LATE", 10_000, 20_000, [4_000]),
        ("C-COMPLETE-LATE", 10_000, 20_000, [4_000]),
        ("C-NO-REPLY", 10_000, 20_000, [4_000]),
        ("C-ESCALATED-COMPANY", 50_000, 100_000, [20_000]),
        ("C-ESCALATED-GROUP", 100_000, 200_000, [50_000]),
        ("C-REOPENED", 10_000, 20_000, []),
        ("C-ATTITUDE", 5_000, 20_000, [10_000]),
        ("C-HYGIENE", 5_000, 20_000, [4_000]),
        ("C-RECORDS", 20_000, 40_000, []),
        ("C-FALSIFIED", 100_000, 200_000, [50_000]),
        ("C-PHONE", 20_000, 40_000, []),
    ],
)
def test_shipped_clause_costs(code: str, base: int, repeated: int, linked: list[int]) -> None:
    clause = rule_book().clauses[code]

    assert clause.base_fen == base
    assert clause.repeat is not None
    assert clause.repeat.amount(base) == repeated
    assert [share.amount(repeated) for share in clause.linked] == linked


def test_case_cap_is_2000_yuan() -> None:
    assert rule_book().case_cap.fen == 200_000


def test_book_travels_as_json_unchanged() -> None:
    assert read_rule_book(json.loads(json.dumps(raw_rule_book()))) == rule_book()


@pytest.mark.parametrize(("charged", "share"), [(100, 20), (102, 20), (103, 21), (1, 0), (3, 1)])
def test_percentages_round_half_up_to_the_fen(charged: int, share: int) -> None:
    assert LinkedShare("p", "岗位", percent=20).amount(charged) == share
    assert LinkedShare("p", "岗位", percent=50).amount(3) == 2


def test_repeat_is_a_multiple_or_a_fixed_amount() -> None:
    within = rule_book().clauses["C-RECORDS"].repeat

    assert within is not None
    assert Repeat(within.within, multiplier=3).amount(5_000) == 15_000
    assert Repeat(within.within, fen=20_000).amount(5_000) == 20_000


def replaced(path: str, value: object) -> dict[str, Any]:
    raw = deepcopy(raw_rule_book())
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    target: Any = raw
    for step in steps:
        target = target[step]
    target[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", 0, r"^version: a whole number"),
        ("in_force_from", "2011-01-01T00:00:00", r"^in_force_from: the zone is missing"),
        ("in_force_from", None, r"^in_force_from: an instant"),
        ("clauses", [], r"^clauses: a list"),
        ("clauses/0", "free", r"^clauses\[0\]: a mapping"),
        ("clauses/0/title", "", r"^clauses\[0\].title: a text"),
        ("clauses/0/base_fen", 50.5, r"^clauses\[0\].base_fen: a whole number"),
        ("clauses/1/base_fen_by_urgency/P1", "300", r"^clauses\[1\].base_fen_by_urgency.P1"),
        ("clauses/1/code", "C-ACCEPT-LATE", r"^clauses\[1\].code: C-ACCEPT-LATE occurs twice"),
        ("clauses/1/trigger", {"deadline": "accept"}, r"^clauses\[1\].trigger: another clause"),
        ("clauses/0/trigger", {"deadline": "lunch"}, r"^clauses\[0\].trigger.deadline: 'lunch'"),
        ("clauses/0/trigger", {}, r"^clauses\[0\].trigger: exactly one"),
        ("clauses/0/repeat", {"days": 30}, r"^clauses\[0\].repeat: either"),
        ("clauses/0/repeat/days", -1, r"^clauses\[0\].repeat.days"),
        ("clauses/2/further_workday/cap_fen", None, r"^clauses\[2\].further_workday.cap_fen"),
        ("clauses/1/linked/0/fen", 100, r"^clauses\[1\].linked\[0\]: either"),
        ("caps", None, r"^caps: a mapping"),
        ("caps/case/fen", True, r"^caps.case.fen"),
        ("caps/unit_month_percent_of_pool", 10, r"^caps.unit_month_percent_of_pool: a mapping"),
        ("caps/unit_month_percent_of_pool/percent", 0, r"^caps.unit_month_percent_of_pool.percent"),
    ],
)
def test_bad_book_names_the_path(path: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rule_book(replaced(path, value))
