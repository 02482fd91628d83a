"""What units do with their cases, and who may."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.dispatch.domain.answers import LONGEST_ANSWER
from services.dispatch.domain.assignment import Action
from services.dispatch.usecases.view import reveal_complainant, view_case
from shared.clock import SystemClock
from shared.contracts.dispatch import Role
from shared.contracts.envelope import Origin
from shared.contracts.intake import Urgency
from shared.database import run_unit
from shared.problems import Problem
from shared.worktime import CalendarData, WorkCalendar
from tests.support.dispatch import Desk, complaint, desk, minutes_ago, person
from tests.support.infrastructure import PostgresServer
from tests.support.shipped import raw_calendar

TEXT = "水管已经换好，损失由我们承担。"


@pytest.fixture
async def at_desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with desk(postgres) as made:
        yield made


async def test_the_whole_life_of_a_case_is_told_step_by_step(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(7)))
    worker = person()
    for action in (Action.ACCEPT, Action.ARRIVE, Action.COMPLETE):
        await at_desk.act(case_id, action, worker)
    await at_desk.act(case_id, Action.ANSWER, worker, f"  {TEXT}\x00\r\n ")

    told = await at_desk.told(case_id)
    assert [(one.name, one.seq) for one in told] == [
        ("assigned", 1),
        ("accepted", 2),
        ("arrived", 3),
        ("completed", 4),
        ("content", 1),
        ("answered", 5),
    ]
    readings = {one.name: one.body["stopped"] for one in told if "stopped" in one.body}
    assert [(one["kind"], one["elapsed_minutes"], one["budget_minutes"]) for one in readings["accepted"]] == [
        ("accept", 7, 10)
    ]
    assert [one["kind"] for one in readings["answered"]] == ["answer"]
    assert told[4].body["text"] == TEXT
    assert told[4].body["answer_id"] == told[5].body["answer_id"]
    assert told[5].body["by"] == str(worker.person_id)
    case = await at_desk.case(case_id)
    assert (case["state"], case["open"], case["next_clock"], case["event_seq"]) == (
        "answered",
        False,
        None,
        5,
    )
    assert case["accepted_at"] <= case["arrived_at"] <= case["completed_at"] <= case["answered_at"]


async def test_repeating_a_step_is_refused_and_changes_nothing(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    await at_desk.act(case_id, Action.ACCEPT, person())
    with pytest.raises(Problem) as raised:
        await at_desk.act(case_id, Action.ACCEPT, person())

    assert (raised.value.status, raised.value.detail) == (409, "任务现在是“已接单”，不能接单")
    assert await at_desk.names(case_id) == ["assigned", "accepted"]


async def test_an_answer_ends_the_work_where_both_are_due_together(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    await at_desk.act(case_id, Action.ACCEPT, person())
    await at_desk.act(case_id, Action.ANSWER, person(), TEXT)

    answered = (await at_desk.told(case_id))[-1]
    assert {one["kind"] for one in answered.body["stopped"]} == {"arrive", "complete", "answer"}
    assert not (await at_desk.case(case_id))["open"]


async def test_an_early_word_about_danger_leaves_the_work_owed(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1), urgency=Urgency.P1))
    worker = person()
    await at_desk.act(case_id, Action.ACCEPT, worker)
    await at_desk.act(case_id, Action.ANSWER, worker, "抢修队已经出发")
    answered = await at_desk.case(case_id)
    await at_desk.act(case_id, Action.ARRIVE, worker)
    await at_desk.act(case_id, Action.COMPLETE, worker)

    done = await at_desk.case(case_id)
    assert (answered["state"], answered["open"], answered["next_clock"]) == ("answered", True, "arrive")
    assert (done["state"], done["open"]) == ("answered", False)
    assert await at_desk.names(case_id) == [
        "assigned",
        "accepted",
        "content",
        "answered",
        "arrived",
        "completed",
    ]


@pytest.mark.parametrize(
    ("role", "unit", "status"),
    [
        (Role.UNIT_MEMBER, "water", None),
        (Role.UNIT_LEADER, "water", None),
        (Role.SERVICE, "water", None),
        (Role.OFFICE, "office", None),
        (Role.UNIT_MEMBER, "repair", 404),
        (Role.SERVICE, "repair", 404),
        (Role.OPERATOR, None, 403),
        (Role.COMPANY_LEADER, None, 403),
    ],
)
async def test_only_the_unit_and_the_office_act(
    at_desk: Desk, role: Role, unit: str | None, status: int | None
) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    if status is None:
        await at_desk.act(case_id, Action.ACCEPT, person(role, unit))
    else:
        with pytest.raises(Problem) as raised:
            await at_desk.act(case_id, Action.ACCEPT, person(role, unit))
        assert raised.value.status == status
    expected = ["assigned", "accepted"] if status is None else ["assigned"]
    assert await at_desk.names(case_id) == expected


@pytest.mark.parametrize("text", ["", "  \r\n\x00", "长" * (LONGEST_ANSWER + 1)])
async def test_an_answer_needs_a_proper_text(at_desk: Desk, text: str) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    await at_desk.act(case_id, Action.ACCEPT, person())
    with pytest.raises(Problem) as raised:
        await at_desk.act(case_id, Action.ANSWER, person(), text)

    assert (raised.value.status, raised.value.fields[0]["field"]) == (422, "text")
    assert await at_desk.names(case_id) == ["assigned", "accepted"]


@dataclass(frozen=True)
class At:
    """A clock that stands."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


async def test_a_step_that_is_late_by_its_own_clock_tells_the_miss_before_itself(at_desk: Desk) -> None:
    """The database's clock may still be before the due time: the step waited, or the clocks differ."""
    registered_at = minutes_ago(9)
    (case_id,) = await at_desk.register(complaint(registered_at))
    late = At(registered_at + timedelta(minutes=10, seconds=1))
    await at_desk.act(case_id, Action.ACCEPT, person(), clock=late)

    _, missed, accepted = await at_desk.told(case_id)
    assert (missed.name, missed.body["kind"], accepted.name) == ("deadline_missed", "accept", "accepted")
    assert (missed.seq, accepted.seq) == (2, 3)
    rows = await at_desk.rows(
        "SELECT met_at > due_at, fired_at IS NOT NULL FROM deadlines WHERE kind = 'accept'"
    )
    assert rows == [(True, True)]


def in_shanghai(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


async def test_a_case_that_outlives_its_calendar_goes_on_by_the_next(at_desk: Desk) -> None:
    said = complaint(in_shanghai(2027, 12, 28), text="门坏了", category="repair.ordinary")
    (case_id,) = await at_desk.register(said)
    worker, new_year = person(unit="repair"), At(in_shanghai(2028, 1, 4))
    with pytest.raises(Problem, match="工作日历已经到期") as refused:
        await at_desk.act(case_id, Action.ACCEPT, worker, clock=At(in_shanghai(2028, 1, 3)))
    assert refused.value.status == 503
    assert [one.name for one in await at_desk.told(case_id)] == ["assigned"]

    await at_desk.add_calendar({**raw_calendar(), "version": 2, "last_day": "2028-12-31"})
    for action in (Action.ACCEPT, Action.COMPLETE):
        await at_desk.act(case_id, action, worker, clock=new_year)
    told = {one.name: one for one in await at_desk.told(case_id)}
    (completed,) = [one for one in told["completed"].body["stopped"] if one["kind"] == "complete"]
    worked = work_calendar_until_2028().elapsed(in_shanghai(2027, 12, 28), new_year.instant)
    assert completed["elapsed_minutes"] == worked
    assert (await at_desk.case(case_id))["calendar_version"] == 1


def work_calendar_until_2028() -> WorkCalendar:
    return WorkCalendar.compile(CalendarData.parse({**raw_calendar(), "last_day": "2028-12-31"}))


async def test_a_history_case_only_takes_an_answer_by_hand(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(90 * 1440)), origin=Origin.HISTORY)
    with pytest.raises(Problem, match="只需要答复"):
        await at_desk.act(case_id, Action.ACCEPT, person())
    await at_desk.act(case_id, Action.ANSWER, person(), TEXT)
    with pytest.raises(Problem, match="已经有答复"):
        await at_desk.act(case_id, Action.ANSWER, person(), TEXT)

    told = await at_desk.told(case_id)
    assert [one.name for one in told] == ["assigned", "deadline_missed", "content", "answered"]
    assert {one.origin for one in told} == {"history"}


async def test_the_audit_trail_names_the_actor_and_cannot_be_changed(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    worker = person()
    await at_desk.act(case_id, Action.ACCEPT, worker)

    rows = await at_desk.rows("SELECT actor, action FROM audit_entries WHERE subject = $1", str(case_id))
    assert rows == [(str(worker.person_id), "case.accept")]
    for statement in ("DELETE FROM audit_entries", "UPDATE audit_entries SET actor = 'x'"):
        with pytest.raises(Exception, match="only ever added"):
            await at_desk.rows(statement)


async def test_a_case_is_seen_with_its_clocks_and_history(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(11)))
    await at_desk.act(case_id, Action.ACCEPT, person())
    view = await run_unit(
        at_desk.sessions, lambda session: view_case(session, case_id, person(), knowledge=at_desk.knowledge)
    )

    assert (view.unit_name, view.category_name) == ("自来水分公司", "爆管漏水")
    assert [clock.kind for clock in view.clocks] == ["accept", "arrive", "complete", "answer"]
    assert view.actions == (Action.ARRIVE, Action.COMPLETE, Action.ANSWER)
    assert [(one.name, one.note) for one in view.history] == [
        ("登记", None),
        ("超时", "接单超时"),
        ("派单", "派给自来水分公司"),
        ("接单", None),
    ]


async def test_another_unit_s_case_does_not_exist_for_them(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    stranger = person(unit="hotel")
    with pytest.raises(Problem) as raised:
        await run_unit(
            at_desk.sessions,
            lambda session: view_case(session, case_id, stranger, knowledge=at_desk.knowledge),
        )
    assert raised.value.status == 404


async def test_who_looked_at_a_phone_and_why_is_kept(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1)))
    said = await run_unit(
        at_desk.sessions,
        lambda session: reveal_complainant(session, case_id, person(), "联系上门时间", clock=SystemClock()),
    )

    assert said.phone == "13812345678"
    rows = await at_desk.rows("SELECT action, detail::text FROM audit_entries")
    assert rows == [("case.reveal", '{"unit": "water", "reason": "联系上门时间"}')]
