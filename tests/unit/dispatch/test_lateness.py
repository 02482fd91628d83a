"""What clocks read, and how a late completion grows a deadline per further workday."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.answers import clean_text, misfit, text_problem
from services.dispatch.domain.assignment import Action, State, take_step
from services.dispatch.domain.cases import (
    Case,
    Deadline,
    after_step,
    deadlines_of,
    next_clock,
    stopped_by_answer,
)
from services.dispatch.domain.lateness import elapsed_minutes, further_workdays, further_workdays_cap
from services.dispatch.domain.standards import Basis, ClockKind, due_times
from tests.support.shipped import raw_rule_book, standards, work_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
CASE_ID = UUID(int=7)


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)


def case(origin: str = "live", category: str = "water.leak", registered: str = "2019-09-27 10:00") -> Case:
    return Case(
        complaint_id=CASE_ID,
        number="HY-1909-000001-A",
        channel="web",
        source=None,
        external_id=None,
        origin=origin,
        unit="water",
        category=category,
        urgency="P2",
        reason="",
        fallback=False,
        matched=(),
        standard="T-WATER-LEAK",
        rule_book_version=1,
        calendar_version=1,
        registered_at=at(registered),
        assigned_at=at(registered),
    )


def deadlines(of: Case) -> tuple[Deadline, ...]:
    standard = standards().standard_for(of.unit, of.category, of.urgency)
    return deadlines_of(of, due_times(standard, of.registered_at, work_calendar()))


def completion() -> Deadline:
    return next(one for one in deadlines(case()) if one.kind is ClockKind.COMPLETE)


def test_the_cap_is_what_the_rule_book_s_clause_leaves_for_further_workdays() -> None:
    assert further_workdays_cap(raw_rule_book()) == 8
    assert further_workdays_cap({"clauses": []}) == 0
    assert further_workdays_cap({}) == 0


def test_further_workdays_leave_out_weekend_and_national_holiday() -> None:
    """Due on Saturday 28 September 2019: Sunday was a make-up workday, 1 to 7 October were free."""
    grown = list(further_workdays(completion(), at("2019-10-09 12:00"), 8, work_calendar()))

    ends = [one.due_at.astimezone(SHANGHAI).strftime("%m-%d %H:%M") for one in grown]
    assert ends == ["09-29 17:30", "09-30 17:30", "10-08 17:30", "10-09 17:30"]
    assert [one.level for one in grown] == [1, 2, 3, 4]
    assert len({one.deadline_id for one in grown}) == 4
    assert [one.budget_minutes for one in grown] == [480, 960, 1440, 1920]


def test_workdays_grow_on_from_the_last_one_and_stop_at_the_cap() -> None:
    until = at("2019-12-31 12:00")
    at_once = list(further_workdays(completion(), until, 8, work_calendar()))
    step_by_step = [completion()]
    while grown := list(further_workdays(step_by_step[-1], step_by_step[-1].due_at, 8, work_calendar())):
        step_by_step += grown

    assert step_by_step[1:] == at_once
    assert len(at_once) == 8


def test_nothing_grows_while_the_completion_is_not_due_nor_beyond_the_calendar() -> None:
    late = completion()._replace(due_at=datetime(2027, 12, 31, 9, tzinfo=UTC))

    assert list(further_workdays(completion(), at("2019-09-27 11:00"), 8, work_calendar())) == []
    assert list(further_workdays(late, datetime(2027, 12, 31, 10, tzinfo=UTC), 8, work_calendar())) == []


@given(st.integers(0, 20), st.datetimes(datetime(2011, 1, 3), datetime(2027, 6, 1)))  # noqa: DTZ001
def test_every_further_workday_holds_480_working_minutes(days: int, moment: datetime) -> None:
    base = completion()._replace(due_at=moment.replace(tzinfo=UTC))
    until = base.due_at + timedelta(days=days)
    grown = list(further_workdays(base, until, 8, work_calendar()))

    for number, one in enumerate(grown, start=1):
        assert work_calendar().elapsed(base.due_at, one.due_at) == number * 480
    over = [one for one in grown if one.due_at <= until]
    assert len(over) == min(8, work_calendar().workdays_late(base.due_at, until))
    assert len(grown) - len(over) <= 1


def test_a_clock_reads_minutes_of_its_own_basis() -> None:
    friday, monday = at("2019-09-20 17:00"), at("2019-09-23 09:00")

    assert elapsed_minutes(Basis.NATURAL, friday, monday, work_calendar()) == 64 * 60
    assert elapsed_minutes(Basis.WORKING, friday, monday, work_calendar()) == 90


def test_of_imported_history_only_the_answer_is_recorded_and_nothing_runs() -> None:
    live, history = deadlines(case()), deadlines(case(origin="history"))

    assert all(one.live and one.recorded for one in live)
    assert [(one.kind.value, one.live, one.recorded) for one in history] == [
        ("accept", False, False),
        ("arrive", False, False),
        ("complete", False, False),
        ("answer", False, True),
    ]
    assert [one.deadline_id for one in live] == [one.deadline_id for one in history]
    assert next_clock(case(origin="history"), history) == (None, None)


def test_the_next_clock_is_the_one_that_runs_out_first() -> None:
    clocks = deadlines(case())
    assert next_clock(case(), clocks)[0] == "accept"

    stopped = tuple(
        one._replace(met_at=at("2019-09-27 10:05")) if one.kind == "accept" else one for one in clocks
    )
    assert next_clock(case(), stopped)[0] == "arrive"
    assert next_clock(case()._replace(open=False), stopped) == (None, None)


ANSWERED_AT = at("2019-09-27 12:00")


@pytest.mark.parametrize(
    ("steps", "by_answer"),
    [
        ({}, {"arrive", "complete"}),
        ({"arrive": "2019-09-27 10:20"}, {"complete"}),
        ({"complete": "2019-09-27 10:20"}, set()),
        ({"arrive": "2019-09-27 12:00", "complete": "2019-09-27 12:00"}, set()),
    ],
)
def test_a_clock_that_no_step_of_its_own_stopped_was_stopped_by_the_answer(
    steps: dict[str, str], by_answer: set[str]
) -> None:
    times = {kind: at(text) for kind, text in steps.items()}
    done = case()._replace(
        arrived_at=times.get("arrive"), completed_at=times.get("complete"), answered_at=ANSWERED_AT
    )
    met = times | {"arrive": times.get("arrive") or times.get("complete") or ANSWERED_AT}
    stopped = [one._replace(met_at=met.get(one.kind.value, ANSWERED_AT)) for one in deadlines(done)]

    assert {one.kind.value for one in stopped if stopped_by_answer(done, one)} == by_answer
    assert not [one for one in deadlines(case()) if stopped_by_answer(case(), one)]


@pytest.mark.parametrize("action", Action)
def test_a_step_stamps_its_own_time(action: Action) -> None:
    before = {Action.ACCEPT: State.ASSIGNED, Action.ANSWER: State.COMPLETED}.get(action, State.ACCEPTED)
    moment = at("2019-09-27 10:05")
    moved = after_step(case()._replace(state=before), action, take_step(before, action, {}), moment)

    stamps = (moved.accepted_at, moved.arrived_at, moved.completed_at, moved.answered_at)
    assert [stamp == moment for stamp in stamps] == [action is one for one in Action]


def test_an_answer_keeps_its_lines_and_loses_what_cannot_be_shown() -> None:
    assert clean_text(" \ufeff您好\r\n已经处理\x00\x07\r谢谢\t \n") == "\ufeff您好\n已经处理\n谢谢"
    assert text_problem("") == "请写答复内容"
    assert text_problem("好") is None


def test_a_recorded_answer_fits_only_an_unanswered_case_of_history_after_it_was_registered() -> None:
    recorded = case(origin="history")

    assert misfit(recorded, recorded.registered_at) is None
    assert misfit(recorded, recorded.registered_at - timedelta(seconds=1)) == "答复时间早于反映时间"
    assert (
        misfit(recorded._replace(answered_at=at("2019-09-28 10:00")), at("2019-09-29 10:00"))
        == "这件反映已经有答复"
    )
    assert misfit(case(), at("2019-09-29 10:00")) == "这件反映由本系统办理，请在任务清单里答复"
