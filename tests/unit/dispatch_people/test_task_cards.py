"""What a card of the queue shows, which list it is on, and the cursor of a list."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.cards import FILTERS, belongs, counts_shown, task_card
from services.dispatch.domain.routing import RoutingTable
from services.dispatch.domain.standards import Category, StandardBook
from services.dispatch.feed import decode_cursor, encode_cursor
from services.dispatch.store.feed_reading import COUNT_LIMIT, OPEN_STATES, Task
from services.dispatch.usecases.reference import Reference

NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
LEAK = Category("leak", "爆管、漏水", "water", "P2", "repair")
KNOWN = Reference(
    books=(StandardBook(1, NOW, {"leak": LEAK}, ()),),
    further_workdays={},
    calendars={},
    routing=RoutingTable(version=1, rules=(), alarms=(), by_opening={}),
    units={"water": "自来水分公司"},
    office="office",
)
UNITS = ["catering", "water", "repair"]


def task(**more: Any) -> Task:
    due_at = NOW + timedelta(minutes=20)
    values: dict[str, Any] = {
        "complaint_id": UUID(int=1),
        "number": "HY-2611-000001-K",
        "origin": "live",
        "unit": "water",
        "category": "leak",
        "urgency": "P2",
        "state": "assigned",
        "open": True,
        "registered_at": NOW,
        "next_clock": "accept",
        "next_due_at": due_at,
        "subject": "",
        "text": "水管\n一直  滴水",
        "location": "东区 12 号楼",
        "running": {"accept": due_at, "answer": due_at + timedelta(hours=4)},
    }
    return Task(**values | more)


def test_a_card_tells_what_to_do_next_and_how_long_there_is() -> None:
    card = task_card(task(), KNOWN, NOW, acting=True)

    assert card["actions"] == [{"code": "accept", "name": "接单"}]
    assert (card["next_clock_name"], card["minutes_left"], card["overdue"]) == ("接单", 20, False)
    assert (card["state_name"], card["category_name"], card["summary"]) == (
        "已派单",
        "爆管、漏水",
        "水管 一直 滴水",
    )


def test_a_card_offers_nothing_to_those_who_only_look() -> None:
    assert task_card(task(), KNOWN, NOW, acting=False)["actions"] == []


def test_a_card_without_a_running_clock_shows_none() -> None:
    card = task_card(task(next_clock=None, next_due_at=None, running={}), KNOWN, NOW, acting=True)

    assert (card["due_at"], card["overdue"], card["next_clock_name"]) == (None, False, "")


def test_minutes_of_an_overdue_card_count_towards_zero() -> None:
    late = NOW - timedelta(minutes=95, seconds=30)
    card = task_card(task(next_due_at=late), KNOWN, NOW, acting=True)

    assert (card["minutes_left"], card["overdue"]) == (-95, True)


def test_a_long_text_is_cut_on_the_card() -> None:
    assert task_card(task(text="水" * 500), KNOWN, NOW, acting=True)["summary"] == "水" * 79 + "…"


def test_an_unknown_category_shows_its_code() -> None:
    assert task_card(task(category="new-one"), KNOWN, NOW, acting=True)["category_name"] == "new-one"
    assert task_card(task(category=None), KNOWN, NOW, acting=True)["category_name"] is None


def test_imported_history_is_offered_its_answer_alone() -> None:
    imported = task(origin="history", next_clock=None, next_due_at=None, running={})

    assert task_card(imported, KNOWN, NOW, acting=True)["actions"] == [{"code": "answer", "name": "答复"}]


@pytest.mark.parametrize("state", OPEN_STATES)
def test_an_open_case_is_on_the_list_of_its_state_and_of_all_open_ones(state: str) -> None:
    lists = {code for code in FILTERS if belongs(task(state=state), code, NOW)}

    assert lists == {"open", "assigned" if state == "assigned" else "working"}


def test_an_overdue_case_is_on_that_list_too() -> None:
    assert belongs(task(next_due_at=NOW - timedelta(seconds=1)), "overdue", NOW)


def test_a_case_nobody_owes_anything_is_on_the_answered_list_alone() -> None:
    done = task(state="answered", open=False, next_clock=None, next_due_at=None)

    assert {code for code in FILTERS if belongs(done, code, NOW)} == {"answered"}


def test_numbers_beside_the_filters_stop_where_counting_does() -> None:
    numbers = {"assigned": 3, "accepted": 1, "arrived": 0, "completed": 2, "answered": 1, "overdue": 5}

    assert counts_shown(numbers | {"done": COUNT_LIMIT}) == {
        "open": 7,
        "assigned": 3,
        "working": 4,
        "overdue": 5,
        "answered": "999+",
    }


@given(st.lists(st.sampled_from(UNITS), min_size=1, unique=True), st.data())
def test_a_cursor_comes_back_as_it_was(units: list[str], data: st.DataObject) -> None:
    positions = {unit: data.draw(st.integers(0, 2**62)) for unit in units}

    assert decode_cursor(encode_cursor(positions), units) == positions


@pytest.mark.parametrize("text", [None, "", "x", "-1", "1.5", "٣", "water.x~repair.1", "water.1"])
def test_a_cursor_that_is_none_means_from_now_on(text: str | None) -> None:
    assert decode_cursor(text, ["water", "repair"]) is None
    assert decode_cursor(text, ["catering"]) is None


@pytest.mark.parametrize("position", ["²", "٣", f"{2**63}", "9" * 5000])
def test_a_position_that_the_database_does_not_know_is_none(position: str) -> None:
    for cursor in (position, f"water.{position}"):
        assert decode_cursor(cursor, ["water"]) is None
    assert decode_cursor(f"water.{position}~repair.1", ["water", "repair"]) is None
