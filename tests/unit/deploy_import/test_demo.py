"""Demonstration data are whole, the same however often they are made, and lie in the past."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from deploy import demo
from services.dispatch.domain.routing import Words, read_routing, route
from tests.support.shipped import raw_directory, raw_routing, standards

DEMO = demo.read_data()
SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_every_unit_has_reports_of_today() -> None:
    units = {one["code"]: one["name"] for one in raw_directory()["units"]}
    table = read_routing(raw_routing())

    routes = [
        route(
            Words(one["subject"], one["text"], one.get("location", "")),
            None,
            None,
            table,
            standards().categories,
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
