"""Demonstration data are whole, the same however often they are made, and lie in the past."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
import yaml

from deploy import demo
from services.dispatch.domain.routing import Words, read_routing, route
from services.dispatch.domain.rulebook import read_rule_book

ROOT = demo.DATA.parents[1]
DEMO = demo.read_data()
SHANGHAI = ZoneInfo("Asia/Shanghai")


def load(path: str) -> object:
    return yaml.safe_load((ROOT / "services" / path).read_text(encoding="utf-8"))


def test_every_unit_has_reports_of_today() -> None:
    book = read_rule_book(load("assessment/data/rulebook-1.yaml"))  # type: ignore[arg-type]
    units = {one["code"]: one["name"] for one in load("dispatch/data/directory.yaml")["units"]}  # type: ignore[index]
    table = read_routing(load("dispatch/data/routing.yaml"))  # type: ignore[arg-type]

    routes = [
        route(
            Words(one["subject"], one["text"], one.get("location", "")),
            None,
            None,
            table,
            book.categories,
            units,
            "office",
        )
        for one in DEMO["live"]
    ]

    assert {one.unit for one in routes} == set(units)
    assert not any(one.fallback for one in routes)


def test_what_is_answered_has_an_answer_and_begins_with_acceptance() -> None:
    for one in DEMO["live"]:
        steps = one.get("done", [])
        assert ("answer" in steps) == ("answer" in one), one
        assert steps[:1] in ([], ["accept"]), one


@pytest.mark.parametrize("today", [date(2026, 11, 1), date(2027, 1, 31), date(2028, 3, 1)])
def test_history_lies_in_the_three_months_before(today: date) -> None:
    complaints, answers = demo.history(DEMO["history"], today)

    months = {one.registered_at.astimezone(SHANGHAI).strftime("%Y-%m") for one in complaints}
    assert len(months) == 3
    assert f"{today:%Y-%m}" not in months
    for complaint, answer in zip(complaints, answers, strict=True):
        assert complaint.external_id == answer.external_id
        assert complaint.registered_at < answer.answered_at
        assert answer.answered_at.astimezone(SHANGHAI).date() < today
    assert demo.history(DEMO["history"], today) == (complaints, answers)
    assert len({one.external_id for one in complaints}) == len(complaints)
