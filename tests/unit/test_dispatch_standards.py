"""Time standards: every case finds its clocks, the most specific row wins, due times follow the calendar."""

import json
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.rulebook import read_rule_book
from services.dispatch.domain.standards import (
    KINDS,
    URGENCIES,
    Basis,
    ClockKind,
    book_in_force,
    due_times,
)
from shared.contracts.intake import TIMED_FROM
from tests.support.shipped import raw_rule_book, standards, work_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
UNITS = ("catering", "billing", "beverage", "childcare", "water", "office", "property", "hotel", "repair")


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)


def dues(unit: str, category: str | None, urgency: str, registered: str) -> dict[str, tuple[str, str]]:
    standard = standards().standard_for(unit, category, urgency)
    return {
        str(due.kind): (due.due_at.astimezone(SHANGHAI).strftime("%m-%d %H:%M"), due.standard)
        for due in due_times(standard, at(registered), work_calendar())
    }


def test_imports_begin_with_the_first_instant_that_rule_book_and_calendar_know() -> None:
    assert max(standards().in_force_from, work_calendar().window[0]) == TIMED_FROM


def test_leak_is_due_around_the_clock_and_answered_at_close() -> None:
    assert dues("water", "water.leak", "P2", "2019-10-01 23:00") == {
        "accept": ("10-01 23:10", "T-WATER-LEAK"),
        "arrive": ("10-01 23:30", "T-WATER-LEAK"),
        "complete": ("10-02 23:00", "T-WATER-LEAK"),
        "answer": ("10-02 23:00", "T-WATER-LEAK"),
    }


def test_danger_takes_its_clocks_from_the_p1_row_and_completion_from_the_category() -> None:
    assert dues("water", "water.leak", "P1", "2019-10-01 23:00") == {
        "accept": ("10-01 23:05", "T-P1"),
        "arrive": ("10-01 23:30", "T-P1"),
        "complete": ("10-02 23:00", "T-WATER-LEAK"),
        "answer": ("10-02 01:00", "T-P1"),
    }


def test_category_with_its_own_p1_row_comes_before_the_general_one() -> None:
    trapped = dues("property", "property.lift_trapped", "P1", "2019-10-01 23:00")

    assert trapped["arrive"] == ("10-01 23:15", "T-PROPERTY-LIFT-P1")
    assert trapped["answer"] == (trapped["complete"][0], "T-PROPERTY-LIFT-P1")


def test_meter_change_takes_two_workdays() -> None:
    assert dues("water", "water.meter", "P3", "2019-09-30 10:00")["complete"] == (
        "10-09 10:00",
        "T-WATER-METER",
    )


def test_message_without_category_is_accepted_in_one_and_answered_in_five_workdays() -> None:
    assert dues("office", None, "P3", "2019-04-01 09:12") == {
        "accept": ("04-02 09:12", "T-OFFICE"),
        "answer": ("04-09 09:12", "T-OFFICE"),
    }


def test_question_is_answered_in_three_workdays_whatever_the_unit() -> None:
    for unit in UNITS:
        asked = standards().standard_for(unit, "general.consult", "P3")
        assert asked.code == "T-CONSULT"
        assert asked.limits[ClockKind.ANSWER].minutes == 3 * 480


def test_kind_given_outright_overrides_the_category_own() -> None:
    assert standards().standard_for("repair", "repair.lighting", "P3").code == "T-REPAIR-ORDINARY"
    assert standards().standard_for("repair", "repair.lighting", "P3", "suggestion").code == "T-SUGGESTION"


@pytest.mark.parametrize("unit", [*UNITS, "a-unit-founded-later"])
def test_every_case_finds_an_accept_and_an_answer_clock(unit: str) -> None:
    categories = (None, "unlisted", *standards().categories)
    for category, kind, urgency in product(categories, (None, *KINDS), URGENCIES):
        limits = standards().standard_for(unit, category, urgency, kind).limits
        assert {ClockKind.ACCEPT, ClockKind.ANSWER} <= limits.keys()
        assert list(limits) == [kind for kind in ClockKind if kind in limits]
        answer = limits[ClockKind.ANSWER]
        if answer.at_close:
            assert answer.minutes == limits[ClockKind.COMPLETE].minutes


def test_every_unit_sets_its_own_standard() -> None:
    own = {row.unit for row in standards().rows if (row.category, row.kind, row.urgency) == ("*", "*", "*")}

    assert own == {*UNITS, "*"}


def test_categories_name_known_units_and_every_row_a_listed_category() -> None:
    categories = standards().categories

    assert {category.unit for category in categories.values()} == {*UNITS, None}
    assert {row.category for row in standards().rows} - {"*"} <= categories.keys()
    for category in categories.values():
        assert category.code.split(".")[0] == (category.unit or "general")


def test_every_figure_names_a_listed_source() -> None:
    sources = raw_rule_book()["sources"].keys()
    limits = [c for row in raw_rule_book()["time_standards"] for c in row["clocks"].values() if c]
    for limit in limits:
        if "minutes" in limit:
            assert set(limit["source"].split()) & sources, limit


def test_book_travels_as_json_unchanged() -> None:
    assert read_rule_book(json.loads(json.dumps(raw_rule_book()))) == standards()


def test_case_keeps_the_book_in_force_when_it_was_registered() -> None:
    changed = raw_rule_book() | {"version": 2, "in_force_from": "2026-07-01T00:00:00+08:00"}
    books = (read_rule_book(changed), standards())

    assert book_in_force(books, at("2026-06-30 23:59")).version == 1
    assert book_in_force(books, at("2026-07-01 00:00")).version == 2
    with pytest.raises(LookupError, match="no rule book"):
        book_in_force(books, at("2010-12-31 23:59"))


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
        ("version", "1", r"version: a whole number"),
        ("in_force_from", "2011-01-01T00:00:00", r"in_force_from: the zone is missing"),
        ("in_force_from", "soon", r"in_force_from: an instant"),
        ("categories", {}, r"categories: a list"),
        ("categories/0/kind", "riddle", r"categories\[0\].kind: 'riddle' is not one of"),
        ("categories/1/code", "general.consult", r"general.consult occurs twice"),
        ("time_standards/0/match/urgency", "P9", r"time_standards\[0\].match.urgency"),
        ("time_standards/0/clocks/accept/minutes", 0, r"time_standards\[0\].clocks.accept.minutes"),
        ("time_standards/0/clocks/accept/minutes", True, r"time_standards\[0\].clocks.accept.minutes"),
        ("time_standards/0/clocks/accept/calendar", "lunar", r"time_standards\[0\].clocks.accept.calendar"),
        ("time_standards/0/clocks/accept", {"at_close": True}, r"only an answer"),
        ("time_standards/0/clocks/lunch", None, r"time_standards\[0\].clocks.lunch: no such clock"),
        ("time_standards/0/clocks", None, r"time_standards\[0\].clocks: a mapping"),
        ("time_standards/0/clocks/complete", None, r"T-PROPERTY-LIFT-P1 answers at close"),
        (
            "time_standards/1/match",
            {"unit": "*", "category": "*", "kind": "*", "urgency": "P1"},
            "occurs twice",
        ),
        ("time_standards/0/clocks/answer", None, r"no answer limit for"),
        ("time_standards/0/title", " ", r"time_standards\[0\].title"),
    ],
)
def test_bad_book_names_the_path(path: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rule_book(replaced(path, value))


@given(
    st.sampled_from(UNITS),
    st.sampled_from(sorted(standards().categories)) | st.none(),
    st.sampled_from(URGENCIES),
    st.datetimes(datetime(2011, 1, 2), datetime(2027, 6, 1)),  # noqa: DTZ001
)
def test_due_times_follow_registration_in_the_clock_own_time(
    unit: str, category: str | None, urgency: str, moment: datetime
) -> None:
    registered = moment.replace(tzinfo=SHANGHAI)
    for due in due_times(standards().standard_for(unit, category, urgency), registered, work_calendar()):
        if due.basis is Basis.NATURAL:
            assert due.due_at - registered == timedelta(minutes=due.budget_minutes)
        else:
            assert work_calendar().elapsed(registered, due.due_at) == due.budget_minutes
