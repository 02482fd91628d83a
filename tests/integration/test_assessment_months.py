"""Frozen months and capped months on a real database, whatever arrives when and on how many replicas."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.assessment.domain.facts import ClockKind
from services.assessment.store.months import lock_months
from shared.consume import take
from shared.database import run_unit
from shared.ids import uuid7
from shared.problems import Problem
from shared.wire import Envelope
from tests.support.assessment import START, Assessment, Facts, assessment, history
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

UNITS = ("repair", "water", "office")
POOLS = {"repair": 100_000, "water": 2_000_000}
MONTHS = ("2019-04", "2019-05", "2019-06", "2019-07")


def late(facts: Facts, unit: str, *, days: float = 0, kind: ClockKind = ClockKind.ACCEPT) -> None:
    """A case of a unit that missed one clock: 50 yuan for a late accept, 120 with the leaders' share else."""
    case, at = uuid7(), START + timedelta(days=days)
    facts.register(case, at)
    facts.assign(case, unit, at)
    facts.miss(case, unit, kind, at)


def given_back(booked: dict[tuple[str, str], tuple[int, int]], pools: dict[str, int]) -> dict[Any, int]:
    """What each unit and month must get back: whatever it is charged beyond a tenth of its pool."""
    return {
        place: max(0, charged - pools[place[0]] // 10) if place[0] in pools else 0
        for place, (charged, _) in booked.items()
    }


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_frozen_when_each_key_is_charged_once_and_no_frozen_month_moves(
    postgres: PostgresServer, seed: int
) -> None:
    random = Random(seed)
    facts = history(random, 60)
    records = [*facts.envelopes, *random.sample(facts.envelopes, k=30)]
    random.shuffle(records)
    async with assessment(postgres) as one:
        await one.enter_pool("repair", "2019-04", POOLS["repair"])
        final: dict[str, Any] = {}
        for share, month in zip(range(4), [*random.sample(MONTHS, k=3), None], strict=True):
            await one.take_in(records[share::4], random)
            if share == 1:
                await one.enter_pool("water", max([*final, "2019-03"])[:5] + "12", POOLS["water"])
            if month is not None:
                await one.freeze(month)
                final[month] = await rows_of(one, month)

        assert await one.net() == facts.expected()
        assert {month: await rows_of(one, month) for month in final} == final
        await check_places(one, set(final))
        booked = await one.booked()
        capped = {place: pair for place, pair in booked.items() if place[0] != "water"}
        assert {place: back for place, (_, back) in capped.items()} == given_back(capped, POOLS)
        assert any(back for _, back in capped.values())
        assert await one.rows("SELECT 1 FROM ledger WHERE frozen_month IS NOT NULL LIMIT 1")


async def rows_of(one: Assessment, month: str) -> list[Any]:
    return await one.rows(
        "SELECT entry_id, unit, amount_fen FROM ledger WHERE month = :month ORDER BY entry_id", month=month
    )


async def check_places(one: Assessment, frozen: set[str]) -> None:
    """Every entry is in its own month, or in the first open one after it where that is frozen."""
    for own, month in await one.rows("SELECT DISTINCT coalesce(frozen_month, month), month FROM ledger"):
        between = [each for each in (*MONTHS, "2019-08", "2019-09") if own <= each < month]
        assert set(between) <= frozen, (own, month)


@pytest.mark.parametrize("seed", range(2))
async def test_replicas_that_book_while_months_freeze_and_pools_change_agree(
    postgres: PostgresServer, seed: int
) -> None:
    random = Random(200 + seed)
    facts = history(random, 120, names=UNITS)
    async with assessment(postgres) as one:
        await one.enter_pool("repair", "2019-01", POOLS["repair"])
        shares: list[list[Envelope]] = [[], [], [], []]
        for place, records in enumerate(facts.by_key().values()):
            shares[place % 4] += records
        for share in shares:
            random.shuffle(share)

        async def decide() -> None:
            await one.freeze("2019-04")
            await one.enter_pool("water", "2019-05", POOLS["water"])
            await one.enter_pool("repair", "2019-05", 10)
            await one.freeze("2019-05")
            await one.enter_pool("repair", "2019-06", POOLS["repair"])

        await asyncio.gather(decide(), *(one.take_in(share, Random(seed), most=15) for share in shares))

        assert await one.net() == facts.expected()
        await check_places(one, {"2019-04", "2019-05"})
        booked = await one.booked()
        open_now = {place: pair for place, pair in booked.items() if place[1] >= "2019-06"}
        assert {place: back for place, (_, back) in open_now.items()} == given_back(open_now, POOLS)
        assert await one.rows(BOOKED_AFTER_FREEZING) == []
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await one.rows(deadlocks) == [(0,)]
        assert await one.rows(UNNUMBERED) == []


async def test_a_month_is_frozen_after_who_is_booking_in_it_and_before_who_comes_later(
    postgres: PostgresServer,
) -> None:
    facts, later = Facts(), Facts()
    late(facts, "repair")
    late(later, "water")
    async with assessment(postgres) as one:
        async with under_way(one, facts.envelopes):
            freezing = asyncio.create_task(one.freeze("2019-04"))
            await waiting(one)
        await freezing
        async with one.sessions() as session, session.begin():
            await lock_months(session)
            booking = asyncio.create_task(one.take(later.envelopes))
            await waiting(one)
        await booking

        assert {place: fen for place, (fen, _) in (await one.booked()).items()} == {
            ("repair", "2019-04"): 5_000,
            ("water", "2019-05"): 5_000,
        }
        assert (
            await one.rows("SELECT 1 FROM ledger NATURAL JOIN frozen_months WHERE posted_at > frozen_at")
            == []
        )


async def test_two_who_book_in_one_capped_month_see_each_other(postgres: PostgresServer) -> None:
    """Late misses of one unit bring a case over its cap, which credits another unit that had it later."""
    shared, earlier, other = Facts(), Facts(), Facts()
    case = uuid7()
    shared.register(case, START)
    shared.assign(case, "repair", START)
    for hour in range(8):
        shared.miss(case, "repair", ClockKind.ANSWER, START + timedelta(days=5, hours=hour))
    earlier.numbers = shared.numbers
    for hour in range(3):
        earlier.miss(case, "water", ClockKind.ANSWER, START + timedelta(hours=hour))
    late(other, "repair", days=9)
    async with assessment(postgres) as one:
        charged, more, credited = (
            12_000 + 7 * 24_000,
            5_000,
            12_000 + 2 * 24_000 + 12_000 + 7 * 24_000 - 200_000,
        )
        await one.enter_pool("repair", "2019-04", 10 * (charged + 2_000))
        await one.take(shared.envelopes)
        async with under_way(one, earlier.envelopes):
            charging = asyncio.create_task(one.take(other.envelopes))
            await waiting(one)
        await charging

        assert (await one.booked())["repair", "2019-04"] == (charged + more - credited, 0)


@asynccontextmanager
async def under_way(one: Assessment, envelopes: Sequence[Envelope]) -> AsyncIterator[None]:
    """A batch that is taken and commits at the end."""
    keys = {each.key for each in envelopes}
    async with one.sessions() as session, session.begin():
        await take(session, one.subscriptions, list(envelopes), follow=keys)
        yield


async def waiting(one: Assessment) -> None:
    """Wait until somebody waits for a lock of this database."""

    async def blocked() -> bool:
        return bool(
            await one.rows(
                "SELECT 1 FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    await eventually(blocked, timeout=20)


BOOKED_AFTER_FREEZING = "SELECT 1 FROM ledger NATURAL JOIN frozen_months WHERE posted_at > frozen_at"
UNNUMBERED = """
    SELECT key FROM outbox WHERE topic = 'assessment.events'
    GROUP BY key HAVING max(seq) <> count(*) OR min(seq) <> 1 OR count(DISTINCT seq) <> count(*)
"""


async def test_a_pool_caps_what_is_booked_already_and_follows_each_change(postgres: PostgresServer) -> None:
    facts = Facts()
    for number in range(3):
        late(facts, "repair", days=number)
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        month = ("repair", "2019-04")
        charged = 5_000 + 10_000 + 10_000
        assert (await one.booked())[month] == (charged, 0)
        backs = []
        for pool in (100_000, 200_000, 1_000_000, 0, None):
            await one.enter_pool("repair", "2019-04", pool)
            backs.append((await one.booked())[month][1])

        assert backs == [charged - 10_000, charged - 20_000, 0, charged, 0]
        told = await one.rows(
            "SELECT seq, type, headers ->> 'ce_origin' FROM outbox WHERE key = 'repair:2019-04' ORDER BY id"
        )
        kinds = {(kind, origin) for _, kind, origin in told}
        assert kinds == {("assessment.month_entry_posted.v1", "live")}
        rows = await one.rows("SELECT count(*) FROM ledger WHERE complaint_id IS NULL")
        assert [(len(told),)] == rows == [(6,)]
        assert [seq for seq, _, _ in told] == [1, 2, 3, 4, 5, 6]


async def test_a_capped_month_of_imported_cases_is_told_as_history(postgres: PostgresServer) -> None:
    facts = Facts()
    late(facts, "repair", kind=ClockKind.ANSWER)
    async with assessment(postgres) as one:
        await one.enter_pool("repair", "2019-04", 1_000)
        await one.take(facts.envelopes)

        assert (await one.booked())["repair", "2019-04"] == (12_000, 11_900)
        told = await one.rows(
            "SELECT headers ->> 'ce_origin', headers ->> 'ce_causation' FROM outbox "
            "WHERE key = 'repair:2019-04'"
        )
        assert [tuple(row) for row in told] == [("history", str(facts.misses[0].event_id))]


async def test_a_correction_of_a_frozen_month_is_booked_in_the_next_open_one(
    postgres: PostgresServer,
) -> None:
    facts = Facts()
    late(facts, "repair", days=20)
    later = Facts()
    late(later, "repair", days=1)
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        await one.freeze("2019-04")
        await one.freeze("2019-04")
        await one.take(later.envelopes)

        rows = await one.rows(
            "SELECT month, frozen_month, amount_fen, reverses IS NOT NULL, explanation FROM ledger "
            "ORDER BY entry_id"
        )
        assert sorted(tuple(row)[:4] for row in rows[1:]) == [
            ("2019-05", "2019-04", -10_000, False),
            ("2019-05", "2019-04", -5_000, False),
            ("2019-05", "2019-04", 5_000, True),
        ]
        assert all(row[4].endswith("（2019-04 已冻结，记入 2019-05）") for row in rows[1:])
        assert await one.booked() == {("repair", "2019-04"): (5_000, 0), ("repair", "2019-05"): (10_000, 0)}
        told = await one.rows(
            "SELECT convert_from(body, 'UTF8')::json ->> 'frozen_month' FROM outbox "
            "WHERE type = 'assessment.entry_posted.v1' ORDER BY id"
        )
        assert [row[0] for row in told] == [None, "2019-04", "2019-04", "2019-04"]


async def test_the_database_itself_refuses_an_entry_in_a_frozen_month(postgres: PostgresServer) -> None:
    facts = history(Random(3), 10)
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        await one.freeze("2019-04")
        copy = (
            "INSERT INTO ledger (entry_id, complaint_id, unit, clause, occurrence, round, amount_fen, month, "
            "occurred_at, rule_book_version, evidence, explanation) SELECT CAST(:id AS uuid), complaint_id, "
            "unit, clause, occurrence, 99, -1, '2019-04', occurred_at, 1, evidence, '' FROM ledger LIMIT 1"
        )
        with pytest.raises(DBAPIError, match="frozen month takes no entry"):
            await run_unit(one.sessions, lambda session: session.execute(text(copy), {"id": uuid4()}))


async def test_what_cannot_be_frozen_or_capped_says_why(postgres: PostgresServer) -> None:
    async with assessment(postgres) as one:
        for month, status, says in [
            ("2019-13", 422, "2019-04 这样"),
            ("2010-12", 404, "没有更早"),
            ("2999-01", 404, "还没有到"),
        ]:
            with pytest.raises(Problem, match=says) as found:
                await one.freeze(month)
            assert found.value.status == status
        await one.freeze("2019-04")
        for unit, month, says in [
            ("nobody", "2019-05", "维修分公司"),
            ("repair", "2019-04", "2019-04 已冻结"),
            ("repair", "5月", "2019-04 这样"),
        ]:
            with pytest.raises(Problem, match=says) as found:
                await one.enter_pool(unit, month, 1)
            assert found.value.status == 422
        assert await one.rows("SELECT 1 FROM pools") == []
