"""Scoring on a real database: any order, any batches, any number of replicas end in the same fen."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.assessment.domain.facts import ClockKind
from services.assessment.usecases import score
from shared.database import run_unit
from shared.ids import uuid7
from shared.wire import Envelope, Poison
from tests.support.assessment import START, Assessment, Facts, assessment, history
from tests.support.infrastructure import PostgresServer


def shuffled(random: Random, facts: Facts) -> list[Envelope]:
    """Every record once, some twice, in any order."""
    records = [*facts.envelopes, *random.sample(facts.envelopes, k=len(facts.envelopes) // 10)]
    random.shuffle(records)
    return records


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_any_batches_charge_what_the_rules_say(
    postgres: PostgresServer, seed: int
) -> None:
    random = Random(seed)
    facts = history(random, 60)
    async with assessment(postgres) as one:
        await one.take_in(shuffled(random, facts), random)

        assert await one.net() == facts.expected()
        assert await one.rows("SELECT 1 FROM pending_events") == []


async def test_a_replay_books_nothing(postgres: PostgresServer) -> None:
    random = Random(7)
    facts = history(random, 40)
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        before = await one.rows("SELECT entry_id, amount_fen FROM ledger ORDER BY 1")
        for _ in range(2):
            await one.take_in(shuffled(random, facts), random)

        assert await one.rows("SELECT entry_id, amount_fen FROM ledger ORDER BY 1") == before
        assert await one.rows("SELECT count(*) FROM ledger WHERE reverses IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("seed", range(3))
async def test_replicas_that_score_the_same_units_at_once_agree(postgres: PostgresServer, seed: int) -> None:
    random = Random(100 + seed)
    facts = history(random, 120)
    async with assessment(postgres) as one:
        shares: list[list[Envelope]] = [[], [], [], []]
        for place, records in enumerate(facts.by_key().values()):
            shares[place % 4] += records
        for share in shares:
            random.shuffle(share)
        await asyncio.gather(*(one.take_in(share, Random(seed), most=15) for share in shares))

        assert await one.net() == facts.expected()
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await one.rows(deadlocks) == [(0,)]


async def test_events_of_the_ledger_are_numbered_without_gaps(postgres: PostgresServer) -> None:
    random = Random(11)
    facts = history(random, 40)
    async with assessment(postgres) as one:
        await one.take_in(shuffled(random, facts), random, most=10)

        told = await one.rows(
            "SELECT key, array_agg(seq ORDER BY id), array_agg(DISTINCT headers ->> 'ce_origin') "
            "FROM outbox WHERE topic = 'assessment.events' GROUP BY key"
        )
        assert told
        assert all(numbers == list(range(1, len(numbers) + 1)) for _, numbers, _ in told)
        assert all(origins == ["history"] for _, _, origins in told)
        assert (
            sum(len(numbers) for _, numbers, _ in told)
            == (await one.rows("SELECT count(*) FROM ledger"))[0][0]
        )


async def test_a_busy_month_of_one_unit_is_not_read_again_for_each_batch(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, later = Facts(), Facts()
    for number in range(4_200):
        part = facts if number < 4_000 else later
        case, at = uuid7(), START + timedelta(minutes=5 * number)
        part.register(case, at)
        part.assign(case, "water", at)
        part.miss(case, "water", ClockKind.ANSWER, at)
    seen: list[int] = []

    def counting(cases: Any, misses: Any, *rest: Any) -> Any:
        seen.append(len(misses))
        return desired(cases, misses, *rest)

    desired = score.desired_charges
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        monkeypatch.setattr(score, "desired_charges", counting)
        await one.take(later.envelopes)

        assert seen == [400]
        (counts,) = await one.rows("SELECT count(*), sum(amount_fen) FROM ledger")
        base, share = 10_000, 2_000
        assert tuple(counts) == (8_400, -(base + share) * (2 * 4_200 - 1))


async def test_an_earlier_breach_that_comes_late_corrects_the_later_one(postgres: PostgresServer) -> None:
    facts = Facts()
    first, second = uuid7(), uuid7()
    for case, day in ((second, 20), (first, 1)):
        facts.register(case, START)
        facts.assign(case, "repair", START)
        facts.miss(case, "repair", ClockKind.ACCEPT, START + timedelta(days=day))
    async with assessment(postgres) as one:
        await one.take(facts.envelopes[:3])
        assert [fen for *_, (_, _, fen) in (await one.net()).items()] == [-5000]
        await one.take(facts.envelopes[3:])

        assert await one.net() == facts.expected()
        entries = await one.rows(
            "SELECT amount_fen, reverses IS NULL, round FROM ledger WHERE complaint_id = :case",
            case=second,
        )
        assert sorted(tuple(row) for row in entries) == [
            (-10000, True, 2),
            (-5000, True, 1),
            (5000, False, 1),
        ]
        evidence = await one.rows(
            "SELECT cardinality(evidence) FROM ledger WHERE complaint_id = :case AND amount_fen = -10000",
            case=second,
        )
        assert evidence == [(2,)]


async def test_a_case_that_fell_back_counts_once_the_office_takes_it(postgres: PostgresServer) -> None:
    facts = Facts()
    case = uuid7()
    facts.register(case, START)
    facts.assign(case, "office", START, fallback=True)
    facts.miss(case, "office", ClockKind.ANSWER, START + timedelta(days=5))
    facts.answer(case, "office", START + timedelta(days=6))
    async with assessment(postgres) as one:
        await one.take(facts.envelopes[:3])
        assert await one.net() == {}
        await one.take(facts.envelopes[3:])
        assert await one.net() == facts.expected() != {}


async def test_a_fallback_is_not_forgotten_when_one_batch_also_brings_the_reassignment(
    postgres: PostgresServer,
) -> None:
    facts = Facts()
    case = uuid7()
    facts.register(case, START)
    facts.assign(case, "office", START, fallback=True)
    facts.assign(case, "water", START + timedelta(hours=1))
    facts.miss(case, "office", ClockKind.ARRIVE, START + timedelta(hours=1))
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        assert await one.net() == facts.expected() == {}


async def test_an_unknown_rule_book_is_poison_and_books_nothing(postgres: PostgresServer) -> None:
    facts = Facts()
    case = uuid7()
    facts.register(case, START)
    facts.assign(case, "water", START)
    facts.miss(case, "water", ClockKind.ANSWER, START)
    told = facts.envelopes.pop()
    assert told.raw.value is not None
    body = told.raw.value.replace(b'"rule_book_version":1', b'"rule_book_version":9')
    facts.envelopes.append(replace(told, raw=replace(told.raw, value=body)))
    async with assessment(postgres) as one:
        with pytest.raises(Poison, match="rule book"):
            await one.take(facts.envelopes)
        assert await one.rows("SELECT 1 FROM misses") == []


@pytest.mark.parametrize(
    "change",
    ["UPDATE ledger SET amount_fen = 0", "DELETE FROM ledger", "TRUNCATE ledger CASCADE"],
)
async def test_the_ledger_is_only_ever_added_to(postgres: PostgresServer, change: str) -> None:
    facts = history(Random(3), 10)
    async with assessment(postgres) as one:
        await one.take(facts.envelopes)
        with pytest.raises(DBAPIError, match="only ever added"):
            await run_unit(one.sessions, lambda session: session.execute(text(change)))
        assert await one.net() == facts.expected()


async def test_the_first_rule_book_is_published_once(postgres: PostgresServer) -> None:
    async with assessment(postgres) as one:
        await _seed_again(one)
        (row,) = await one.rows(
            "SELECT key, version, body ->> 'in_force_from', body -> 'body' ->> 'version' FROM state_entries "
            "WHERE topic = 'rulebook.state'"
        )
        assert tuple(row) == ("rulebook:1", 1, "2010-12-31T16:00:00Z", "1")
        assert await one.rows("SELECT count(*) FROM outbox WHERE topic = 'rulebook.state'") == [(1,)]


async def _seed_again(one: Assessment) -> None:
    from services.assessment.seed import seed
    from shared.clock import SystemClock

    await run_unit(one.sessions, lambda session: seed(session, SystemClock()))
