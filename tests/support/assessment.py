"""Assessment on a database alone: events go in as records would, in any order, in batches of any size."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.assessment.app import MIGRATIONS
from services.assessment.domain.facts import Basis, Case, Miss
from services.assessment.domain.facts import ClockKind as Kind
from services.assessment.domain.facts import OverdueWorkday as Workday
from services.assessment.domain.pools import Pool
from services.assessment.domain.scoring import desired_charges
from services.assessment.seed import seed
from services.assessment.stream import build_router
from services.assessment.usecases import months
from services.assessment.usecases.books import Books
from shared import migrations, state
from shared.auth import Principal
from shared.clock import SystemClock
from shared.consume import Subscription, take
from shared.contracts.dispatch import (
    Assigned,
    AssignmentAccepted,
    AssignmentAnswered,
    ClockBasis,
    ClockKind,
    DeadlineMissed,
    OverdueWorkday,
    Role,
)
from shared.contracts.envelope import Event, Origin, headers_of
from shared.contracts.intake import Channel, ComplaintRegistered, Urgency
from shared.database import Sessions, create_engine, create_sessions, run_unit
from shared.ids import uuid7
from shared.wire import Envelope, RawRecord, read_envelope
from tests.support.infrastructure import PostgresServer
from tests.support.publishing import units
from tests.support.scoring_facts import rule_book

__all__ = ["Assessment", "Facts", "Net", "assessment", "history"]

START = datetime(2019, 4, 1, 2, 0, tzinfo=UTC)
OFFICE = Principal(UUID(int=9), "李敏", Role.OFFICE, None, "token", datetime.max.replace(tzinfo=UTC))
Net = dict[tuple[UUID, str, str], tuple[str, str, int]]
"""Per case, clause and occurrence: unit, month and net fen; nothing where it is 0."""


@dataclass
class Assessment:
    """The service's subscriptions on a migrated, seeded database."""

    dsn: str
    sessions: Sessions
    subscriptions: Sequence[Subscription]

    async def take(self, envelopes: Iterable[Envelope]) -> None:
        """Take one batch in one transaction, as the consumer does."""
        batch = list(envelopes)
        keys = {one.key for one in batch}
        await run_unit(self.sessions, lambda session: take(session, self.subscriptions, batch, follow=keys))

    async def take_in(self, envelopes: Sequence[Envelope], sizes: Random, most: int = 40) -> None:
        """Take all, in this order, in batches of random sizes."""
        rest = list(envelopes)
        while rest:
            size = sizes.randint(1, most)
            await self.take(rest[:size])
            rest = rest[size:]

    async def rows(self, statement: str, **given: Any) -> list[Any]:
        async with self.sessions() as session:
            return list(await session.execute(text(statement), given))

    async def net(self) -> Net:
        """What the ledger says of cases, reversals taken into account, wherever it is booked."""
        rows = await self.rows(
            "SELECT complaint_id, clause, occurrence, min(unit), min(coalesce(frozen_month, month)), "
            "sum(amount_fen) FROM ledger WHERE complaint_id IS NOT NULL "
            "GROUP BY complaint_id, clause, occurrence, unit, coalesce(frozen_month, month) "
            "HAVING sum(amount_fen) <> 0"
        )
        return {(row[0], row[1], row[2]): (row[3], row[4], int(row[5])) for row in rows}

    async def booked(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Per unit and month: what the entries of cases charge, and what is given back for the month."""
        rows = await self.rows(
            "SELECT unit, month, -sum(amount_fen) FILTER (WHERE complaint_id IS NOT NULL), "
            "coalesce(sum(amount_fen) FILTER (WHERE complaint_id IS NULL), 0) FROM ledger GROUP BY 1, 2"
        )
        return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}

    async def freeze(self, month: str) -> None:
        """Freeze a month, as the office does."""
        await run_unit(
            self.sessions,
            lambda session: months.freeze(session, month, OFFICE, books=Books(), clock=SystemClock()),
        )

    async def enter_pool(self, unit: str, from_month: str, amount_fen: int | None) -> None:
        """Enter a pool, as the office does."""
        pool = Pool(unit, from_month, amount_fen)
        await run_unit(
            self.sessions,
            lambda session: months.enter_pool(session, pool, OFFICE, books=Books(), clock=SystemClock()),
        )


@asynccontextmanager
async def assessment(postgres: PostgresServer) -> AsyncIterator[Assessment]:
    """A fresh assessment."""
    dsn = postgres.create_database()
    await asyncio.to_thread(migrations.upgrade, MIGRATIONS, dsn)
    engine = create_engine(dsn, pool_size=6)
    sessions = create_sessions(engine)
    clock = SystemClock()

    async def prepare(session: Any) -> None:
        await seed(session, clock)
        for unit in units():
            await state.publish(session, unit, source="test", at=START)

    await run_unit(sessions, prepare)
    try:
        yield Assessment(dsn, sessions, build_router(clock, Books()))
    finally:
        await engine.dispose()


@dataclass
class Facts:
    """Events of some cases, numbered, and what they mean to the pure rules."""

    envelopes: list[Envelope] = field(default_factory=list)
    cases: dict[UUID, Case] = field(default_factory=dict)
    misses: list[Miss] = field(default_factory=list)
    days: list[Workday] = field(default_factory=list)
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, event: Event, occurred_at: datetime, *, origin: Origin = Origin.HISTORY) -> UUID:
        """Number an event and keep its record; return its id."""
        self.numbers[event.topic, event.key] += 1
        event_id = uuid7()
        headers = headers_of(
            event,
            event_id=event_id,
            source="test",
            occurred_at=occurred_at,
            seq=self.numbers[event.topic, event.key],
            origin=origin,
            causation=None,
        )
        record = RawRecord(event.topic, 0, len(self.envelopes), event.key.encode(), headers, event.to_json())
        envelope = read_envelope(record)
        assert isinstance(envelope, Envelope)
        self.envelopes.append(envelope)
        return event_id

    def register(self, case: UUID, at: datetime, number: str = "HY-1904-000001-X") -> None:
        event = ComplaintRegistered(
            complaint_id=case, number=number, channel=Channel.IMPORT, registered_at=at
        )
        self.add(event, at)
        self.cases[case] = Case(case)

    def assign(self, case: UUID, unit: str, at: datetime, *, fallback: bool = False) -> None:
        event = Assigned(
            complaint_id=case,
            unit=unit,
            assigned_at=at,
            registered_at=at,
            category=None,
            urgency=Urgency.P3,
            reason="测试",
            fallback=fallback,
            standard="T-DEFAULT",
            rule_book_version=1,
            calendar_version=1,
            clocks=(),
        )
        self.add(event, at)
        if fallback:
            self.cases[case] = Case(case, fallback_unit=unit)

    def accept(self, case: UUID, unit: str, at: datetime) -> None:
        self.add(AssignmentAccepted(complaint_id=case, unit=unit, at=at), at)
        self.cases[case] = self.cases[case].taken_by(unit)

    def answer(self, case: UUID, unit: str, at: datetime) -> None:
        self.add(AssignmentAnswered(complaint_id=case, unit=unit, at=at, answer_id=uuid7()), at)
        self.cases[case] = self.cases[case].taken_by(unit)

    def miss(
        self, case: UUID, unit: str, kind: Kind, due_at: datetime, *, urgency: Urgency = Urgency.P3
    ) -> UUID:
        """A missed clock; returns its deadline."""
        deadline_id = uuid7()
        event = DeadlineMissed(
            complaint_id=case,
            unit=unit,
            deadline_id=deadline_id,
            kind=ClockKind(kind),
            basis=ClockBasis.WORKING,
            budget_minutes=480,
            elapsed_minutes=960,
            workdays_late=1,
            registered_at=due_at - timedelta(days=1),
            due_at=due_at,
            stopped_at=due_at + timedelta(days=1),
            urgency=urgency,
            standard="T-DEFAULT",
            rule_book_version=1,
            calendar_version=1,
        )
        event_id = self.add(event, due_at)
        if kind is Kind.ACCEPT:
            self.cases[case] = self.cases[case].taken_by(unit)
        common = event.model_dump(exclude={"complaint_id", "workdays_late", "kind", "basis", "urgency"})
        self.misses.append(
            Miss(
                event_id=event_id,
                case_id=case,
                occurred_at=due_at,
                kind=kind,
                basis=Basis.WORKING,
                urgency=urgency.value,
                **common,
            )
        )
        return deadline_id

    def overdue(self, case: UUID, unit: str, deadline_id: UUID, workday: int, due_at: datetime) -> None:
        ended_at = due_at + timedelta(days=workday)
        event = OverdueWorkday(
            complaint_id=case,
            unit=unit,
            deadline_id=deadline_id,
            workday=workday,
            due_at=due_at,
            ended_at=ended_at,
            urgency=Urgency.P3,
            standard="T-DEFAULT",
            rule_book_version=1,
            calendar_version=1,
        )
        event_id = self.add(event, ended_at)
        self.days.append(Workday(event_id, case, deadline_id, unit, workday, due_at, ended_at))

    def expected(self) -> Net:
        """What the pure rules charge for all facts at once."""
        charges = desired_charges(self.cases, self.misses, self.days, {1: rule_book()}, self.cases.keys())
        return {
            (key.case_id, key.clause, key.occurrence): (charge.unit, charge.month, -charge.amount_fen)
            for key, charge in charges.items()
            if key.case_id is not None
        }

    def by_key(self) -> dict[str, list[Envelope]]:
        """The records of each complaint."""
        found: dict[str, list[Envelope]] = defaultdict(list)
        for one in self.envelopes:
            found[one.key].append(one)
        return found


def history(random: Random, cases: int, *, names: Sequence[str] = ("repair", "water", "office")) -> Facts:
    """Random cases that repeat each other's breaches, fall back, change hands and exceed the cap."""
    facts = Facts()
    for number in range(cases):
        case = uuid7()
        at = START + timedelta(hours=random.randint(0, 24 * 90), minutes=number)
        unit = random.choice(names)
        facts.register(case, at, f"HY-1904-{number:06d}-X")
        fallback = unit == "office" and random.random() < 0.7
        facts.assign(case, unit, at, fallback=fallback)
        if random.random() < 0.2:
            facts.miss(case, unit, Kind.ACCEPT, at + timedelta(hours=8))
        if random.random() < 0.5:
            facts.accept(case, unit, at + timedelta(hours=9))
        if random.random() < 0.3:
            unit = random.choice(names)
            facts.assign(case, unit, at + timedelta(hours=10))
        _late_work(facts, random, case, unit, at + timedelta(days=1))
    return facts


def _late_work(facts: Facts, random: Random, case: UUID, unit: str, at: datetime) -> None:
    urgency = random.choice(list(Urgency))
    if random.random() < 0.5:
        facts.miss(case, unit, Kind.ARRIVE, at, urgency=urgency)
    if random.random() < 0.5:
        deadline_id = facts.miss(case, unit, Kind.COMPLETE, at)
        for workday in range(1, random.randint(1, 12)):
            facts.overdue(case, unit, deadline_id, workday, at)
    for _ in range(random.choice([0, 1, 1, 8])):
        facts.miss(case, unit, Kind.ANSWER, at + timedelta(hours=random.randint(1, 9)))
    if random.random() < 0.7:
        facts.answer(case, unit, at + timedelta(days=20))
