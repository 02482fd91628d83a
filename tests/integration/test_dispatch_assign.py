"""A registered complaint becomes a case once, whatever order and number its records come in."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.envelope import Origin
from shared.wire import Envelope, Poison
from tests.support.dispatch import Desk, complaint, desk, minutes_ago, record_of
from tests.support.infrastructure import PostgresServer


@pytest.fixture
async def at_desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with desk(postgres) as made:
        yield made


async def test_a_complaint_is_assigned_with_its_clocks_and_the_reason(at_desk: Desk) -> None:
    registered_at = minutes_ago(1)
    (case_id,) = await at_desk.register(complaint(registered_at))

    (told,) = await at_desk.told(case_id)
    case = await at_desk.case(case_id)
    assert (told.name, told.seq, told.origin) == ("assigned", 1, "live")
    assert (case["unit"], case["state"], case["open"], case["fallback"]) == ("water", "assigned", True, False)
    assert case["reason"] == "类别“爆管漏水”归自来水分公司"
    assert case["next_clock"] == "accept"
    assert case["next_due_at"] == registered_at + timedelta(minutes=10)
    assert told.body["rule_book_version"] == told.body["calendar_version"] == 1
    clocks = {one["kind"]: one for one in told.body["clocks"]}
    assert list(clocks) == ["accept", "arrive", "complete", "answer"]
    assert clocks["answer"]["due_at"] == clocks["complete"]["due_at"]
    assert clocks["answer"]["at_close"]
    assert (case["assigned_at"] - registered_at) < timedelta(minutes=2)


async def test_a_complaint_nothing_speaks_for_goes_to_the_office(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(complaint(minutes_ago(1), text="请回电话", category=None))

    case = await at_desk.case(case_id)
    assert (case["unit"], case["category"], case["fallback"]) == ("office", None, True)
    assert case["reason"] == "没有派单规则对得上，由生产管理室研判"


async def test_a_registration_waits_for_its_content(at_desk: Desk) -> None:
    content, registered = complaint(minutes_ago(1))
    await at_desk.take(record_of(registered))
    assert await at_desk.names(registered.complaint_id) == []
    assert await at_desk.rows("SELECT topic FROM pending_events") == [("complaint.events",)]

    await at_desk.take(record_of(content))
    assert await at_desk.names(registered.complaint_id) == ["assigned"]
    assert await at_desk.rows("SELECT topic FROM pending_events") == []


async def state_of(at_desk: Desk, ids: list[UUID]) -> list[tuple[Any, ...]]:
    """Everything that must not depend on order: cases, clocks, events told."""
    cases = await at_desk.rows(
        "SELECT complaint_id, unit, category, urgency, state, event_seq, next_due_at FROM cases ORDER BY 1"
    )
    clocks = await at_desk.rows("SELECT deadline_id, due_at, fired_at, met_at FROM deadlines ORDER BY 1")
    told = sorted((one.body["complaint_id"], one.seq, one.type) for one in await at_desk.told(*ids))
    return [*cases, *clocks, *told]


async def test_every_order_of_a_small_set_of_records_leads_to_the_same_state(
    postgres: PostgresServer,
) -> None:
    first, second = complaint(minutes_ago(3)), complaint(minutes_ago(2), category=None, text="路灯不亮")
    ids = [first[1].complaint_id, second[1].complaint_id]
    records = [record_of(event) for event in (*first, *second)]
    expected: list[tuple[Any, ...]] | None = None
    async with desk(postgres) as at_desk:
        for order in permutations(records):
            for record in order:
                await at_desk.take(record)
            await at_desk.take(order[0])
            found = await state_of(at_desk, ids)
            expected = expected or found
            assert found == expected
            await at_desk.rows(
                "TRUNCATE cases, deadlines, complaint_contents, inbox, pending_events, outbox, answers"
            )


async def test_duplicates_in_and_between_batches_have_one_effect(at_desk: Desk) -> None:
    chance = random.Random(11)
    pairs = [complaint(minutes_ago(number)) for number in range(1, 21)]
    records = [record_of(event) for pair in pairs for event in pair]
    ids = [registered.complaint_id for _, registered in pairs]
    crowd: list[Envelope] = [*records, *chance.choices(records, k=60)]
    chance.shuffle(crowd)
    while crowd:
        size = chance.randint(1, 12)
        batch, crowd = crowd[:size], crowd[size:]
        await at_desk.take(*batch)

    assert sorted(await at_desk.names(*ids)) == ["assigned"] * 20
    assert await at_desk.rows("SELECT count(*) FROM cases") == [(20,)]
    assert await at_desk.rows("SELECT count(*) FROM pending_events") == [(0,)]
    assert await at_desk.rows("SELECT unit, max(position), count(*) FROM feed_entries GROUP BY unit") == [
        ("water", 20, 20)
    ]


@pytest.mark.parametrize(
    ("registered_at", "reason"),
    [
        (datetime(2010, 5, 1, tzinfo=UTC), "standard"),
        (datetime(2027, 12, 31, 9, tzinfo=UTC), "calendar"),
    ],
)
async def test_a_complaint_outside_rule_book_or_calendar_is_poison(
    at_desk: Desk, registered_at: datetime, reason: str
) -> None:
    with pytest.raises(Poison) as raised:
        await at_desk.register(complaint(registered_at, category="water.meter"), origin=Origin.HISTORY)

    assert raised.value.reason == reason
    assert await at_desk.rows("SELECT 1 FROM cases") == []


async def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(at_desk: Desk) -> None:
    await at_desk.register(complaint(minutes_ago(1)))
    counts = []
    for size in (2, 60):
        before = len(at_desk.statements)
        await at_desk.register(*(complaint(minutes_ago(1)) for _ in range(size)))
        counts.append(len(at_desk.statements) - before)

    assert counts[0] == counts[1]
