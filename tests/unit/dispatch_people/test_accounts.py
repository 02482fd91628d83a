"""Rules of accounts, and who may see and do what."""

import pytest

from services.dispatch.domain.access import may_see, may_work_on, units_seen
from services.dispatch.domain.accounts import (
    HOME,
    account_problem,
    local_path,
    normal_account,
    password_problem,
    unit_problem,
)


@pytest.mark.parametrize(
    "password",
    [
        "short-1",
        "password1234",
        "PassWord1234",
        "123456789012",
        "111111111111",
        "qwertyuiop123456",
        "admin123admin",
        "wang.jianguo1",
        "a" * 129,
        "",
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    assert password_problem(password, "wang.jianguo") is not None


@pytest.mark.parametrize(
    "password", ["correct horse battery", "西区水塔第三根管子漏水了吗", "k7-Tq.9w!xZ3", "huiying-demo"]
)
def test_a_long_password_of_ones_own_is_taken(password: str) -> None:
    assert password_problem(password, "wang.jianguo") is None


@pytest.mark.parametrize("account", ["w", "王建国", "wang jian", "-wang", "wang\n", "a" * 51, ""])
def test_an_account_has_plain_characters(account: str) -> None:
    assert account_problem(account) is not None


def test_an_account_is_compared_without_case_and_outer_spaces() -> None:
    assert normal_account("  Wang.JianGuo ") == "wang.jianguo"
    assert account_problem("wang.jianguo") is None


@pytest.mark.parametrize(
    ("role", "unit", "fits"),
    [
        ("unit_member", "water", True),
        ("unit_member", None, False),
        ("unit_leader", None, False),
        ("office", None, True),
        ("office", "water", False),
        ("administrator", None, True),
        ("service", "water", True),
        ("service", None, False),
    ],
)
def test_a_units_people_and_systems_have_a_unit_and_no_others(
    role: str, unit: str | None, fits: bool
) -> None:
    assert (unit_problem(role, unit) is None) is fits


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "https://evil.example",
        "//evil.example/x",
        "/\\evil.example",
        "javascript:alert(1)",
        "dispatch/tasks",
        "/dispatch/tasks\r\nSet-Cookie: a=b",
        "/dispatch/sign-in?next=/x",
        "/dispatch/sign-out",
    ],
)
def test_signing_in_never_leads_away_from_this_site(target: str | None) -> None:
    assert local_path(target) == HOME


def test_signing_in_leads_back_to_where_one_came_from() -> None:
    assert local_path("/assessment/statements?month=2026-11") == "/assessment/statements?month=2026-11"


@pytest.mark.parametrize(
    ("role", "own_unit", "sees", "works"),
    [
        ("unit_member", "water", True, True),
        ("unit_member", "repair", False, False),
        ("unit_leader", "water", True, True),
        ("unit_leader", "repair", False, False),
        ("service", "water", True, True),
        ("service", None, False, False),
        ("office", None, True, True),
        ("administrator", None, True, True),
        ("company_leader", None, True, False),
        ("operator", None, True, False),
        ("unheard-of", None, False, False),
    ],
)
def test_role_and_unit_decide_about_a_case(role: str, own_unit: str | None, sees: bool, works: bool) -> None:
    assert may_see(role, own_unit, "water") is sees
    assert may_work_on(role, own_unit, "water") is works


def test_a_unit_sees_itself_alone_among_units() -> None:
    units = ("catering", "water", "repair")

    assert units_seen("unit_member", "water", units) == ("water",)
    assert units_seen("office", None, units) == units
