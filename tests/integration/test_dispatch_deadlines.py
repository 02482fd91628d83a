"""Clocks that run out: told once each, never early, in due order, also late and with two schedulers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.dispatch.domain.assignment import Action
from services.dispatch.store.cases import lock_cases
from shared.clock import SystemClock
from shared.contracts.envelope import Origin
from shared.leader import LeadershipLostError
from tests.support.dispatch import Desk, complaint, desk, minutes_ago, person
from tests.support.infrastructure import PostgresServer
from tests.support.shipped import work_calendar

DAY = 1440


@pytest.fixture
async def at_desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with desk(postgres) as made:
        yield made


async def fire_all(at_desk: Desk, limit: int = 200) -> None:
    epoch = await at_desk.lead()
    while await at_desk.fire(epoch=epoch, limit=limit):
        pass


async def test_a_clock_that_ran_out_is_told_once_at_its_due_time(at_desk: Desk) -> None:
    registered_at = minutes_ago(11)
    (case_id,) = await at_desk.register(complaint(registered_at))
    await fire_all(at_desk)
    await fire_all(at_desk)

    _, missed = await at_desk.told(case_id)
    assert (missed.name, missed.seq, missed.body["kind"]) == ("deadline_missed", 2, "accept")
    assert missed.occurred_at == registered_at + timedelta(minutes=10)
    assert (missed.body["budget_minutes"], missed.body["elapsed_minutes"]) == (10, 10)
    assert (missed.body["workdays_late"], missed.body["stopped_at"]) == (0, None)
    fired = await at_desk.rows(
        "SELECT kind, fired_at >= due_at, epoch FROM deadlines WHERE fired_at IS NOT NULL"
    )
    assert fired == [("accept", True, 1)]


async def test_no_clock_is_told_early(at_desk: Desk) -> None:
    await at_desk.register(complaint(minutes_ago(9.9)))

    assert await at_desk.fire(epoch=await at_desk.lead()) == 0


async def test_after_an_outage_everything_is_told_in_due_order_batch_by_batch(at_desk: Desk) -> None:
    ids = await at_desk.register(*(complaint(minutes_ago(45 - number)) for number in range(12)))
    await fire_all(at_desk, limit=5)

    missed = [one for one in await at_desk.told(*ids) if one.name == "deadline_missed"]
    assert len(missed) == 24
    for case_id in ids:
        own = [one.occurred_at for one in missed if one.body["complaint_id"] == str(case_id)]
        assert own == sorted(own)
    seqs = await at_desk.rows(
        "SELECT key, max(seq), count(*) FROM outbox WHERE topic LIKE '%events' GROUP BY 1"
    )
    assert all(highest == count == 3 for _, highest, count in seqs)


async def test_within_a_batch_events_of_all_cases_come_in_due_order(at_desk: Desk) -> None:
    ids = await at_desk.register(*(complaint(minutes_ago(45 - number)) for number in range(6)))
    await fire_all(at_desk)

    due = [one.occurred_at for one in await at_desk.told(*ids) if one.name == "deadline_missed"]
    assert len(due) == 12
    assert due == sorted(due)


async def test_two_schedulers_at_once_fire_each_clock_once(at_desk: Desk) -> None:
    ids = await at_desk.register(*(complaint(minutes_ago(11)) for _ in range(40)))
    epoch = await at_desk.lead()
    looks = [at_desk.fire(epoch=epoch, limit=10) for _ in range(8)]
    await asyncio.gather(*looks)
    await fire_all(at_desk)

    names = await at_desk.names(*ids)
    assert names.count("deadline_missed") == 40


async def test_a_scheduler_that_lost_its_term_writes_nothing(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(11)))
    old = await at_desk.lead()
    await at_desk.lead()

    with pytest.raises(LeadershipLostError):
        await at_desk.fire(epoch=old)
    assert await at_desk.names(case_id) == ["assigned"]


async def test_a_late_completion_is_told_again_for_each_further_workday_up_to_the_cap(at_desk: Desk) -> None:
    registered_at = minutes_ago(40 * DAY)
    (case_id,) = await at_desk.register(complaint(registered_at))
    await fire_all(at_desk)
    await fire_all(at_desk)

    told = await at_desk.told(case_id)
    workdays = [one for one in told if one.name == "overdue_workday"]
    completion = registered_at + timedelta(days=1)
    assert [one.body["workday"] for one in workdays] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [one.occurred_at for one in workdays] == [
        work_calendar().further_workday(completion, number) for number in range(1, 9)
    ]
    base = await at_desk.one("SELECT deadline_id FROM deadlines WHERE kind = 'complete' AND level = 0")
    assert {one.body["deadline_id"] for one in workdays} == {str(base["deadline_id"])}
    assert [one.seq for one in told] == list(range(1, len(told) + 1))


async def test_the_next_workday_of_a_late_completion_waits_for_its_time(at_desk: Desk) -> None:
    await at_desk.register(complaint(minutes_ago(DAY + 1)))
    await fire_all(at_desk)

    rows = await at_desk.rows(
        "SELECT level, fired_at IS NULL FROM deadlines WHERE kind = 'complete' ORDER BY 1"
    )
    assert rows == [(0, False), (1, True)]


async def test_completing_late_tells_first_what_the_scheduler_had_not_told(at_desk: Desk) -> None:
    registered_at = minutes_ago(20 * DAY)
    (case_id,) = await at_desk.register(complaint(registered_at))
    worker = person()
    await at_desk.act(case_id, Action.ACCEPT, worker)
    await at_desk.act(case_id, Action.COMPLETE, worker)
    await at_desk.act(case_id, Action.ANSWER, worker, "水管已经换好")
    before = await at_desk.names(case_id)
    await fire_all(at_desk)

    assert await at_desk.names(case_id) == before
    late = [name for name in before if name != "content"]
    assert late[:4] == ["assigned", "deadline_missed", "deadline_missed", "deadline_missed"]
    assert "overdue_workday" in late
    assert late.index("overdue_workday") < late.index("accepted")
    open_rows = await at_desk.rows("SELECT 1 FROM deadlines WHERE met_at IS NULL AND fired_at IS NULL")
    assert open_rows == []


async def test_a_stopped_clock_is_never_told_as_missed(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(9)))
    await at_desk.act(case_id, Action.ACCEPT, person())
    await at_desk.rows("UPDATE deadlines SET due_at = now() - interval '1 minute' WHERE kind = 'accept'")
    await fire_all(at_desk)

    assert await at_desk.names(case_id) == ["assigned", "accepted"]


async def test_the_scheduler_never_looks_at_imported_history(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(30 * DAY)), origin=Origin.HISTORY)
    await fire_all(at_desk)

    assert await at_desk.names(case_id) == ["assigned"]


async def test_a_case_in_somebody_s_hands_does_not_hold_up_the_others(at_desk: Desk) -> None:
    held, free = await at_desk.register(complaint(minutes_ago(12)), complaint(minutes_ago(11)))
    async with at_desk.sessions() as session, session.begin():
        await lock_cases(session, [held])
        await asyncio.wait_for(at_desk.fire(epoch=await at_desk.lead()), 10)
        assert await at_desk.names(held) == ["assigned"]
        assert await at_desk.names(free) == ["assigned", "deadline_missed"]
    await fire_all(at_desk)
    assert await at_desk.names(held) == ["assigned", "deadline_missed"]


async def test_lateness_is_measured_from_the_database_clock(at_desk: Desk) -> None:
    await at_desk.register(complaint(minutes_ago(10)))
    before = SystemClock().now()
    await fire_all(at_desk)

    fired = await at_desk.one("SELECT fired_at, due_at FROM deadlines WHERE kind = 'accept'")
    assert fired["fired_at"] >= fired["due_at"]
    assert fired["fired_at"] - before < timedelta(seconds=5)
