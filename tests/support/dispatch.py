"""Dispatch's use cases on a real database, without Kafka: records go in, rows of the outbox come out."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from services.dispatch.domain.assignment import Action
from services.dispatch.seed import seed
from services.dispatch.store.reference import add_calendar
from services.dispatch.stream import build_router
from services.dispatch.usecases.act import UnitAction, act
from services.dispatch.usecases.answers import RecordedAnswer, Result, import_answers
from services.dispatch.usecases.deadlines import fire_overdue
from services.dispatch.usecases.reference import Knowledge
from shared import consume, migrations, state
from shared.auth import Principal
from shared.clock import Clock, SystemClock
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import Role
from shared.contracts.envelope import Event, Origin, Received, headers_of
from shared.contracts.intake import Channel, ComplaintContent, ComplaintRegistered, Urgency
from shared.database import Sessions, create_engine, create_sessions, run_unit
from shared.ids import uuid7
from shared.wire import Envelope, RawRecord, read_envelope
from tests.support.infrastructure import PostgresServer
from tests.support.root import ROOT
from tests.support.shipped import raw_rule_book
from tests.support.wait import eventually

__all__ = [
    "Desk",
    "Told",
    "complaint",
    "desk",
    "minutes_ago",
    "person",
    "record_of",
    "rule_book_state",
]

MIGRATIONS = ROOT / "services/dispatch/migrations"
DAYS = timedelta(days=1)


@cache
def rule_book_state() -> RuleBookState:
    body = raw_rule_book()
    return RuleBookState(version=1, in_force_from=datetime.fromisoformat(body["in_force_from"]), body=body)


def minutes_ago(minutes: float) -> datetime:
    return SystemClock().now() - timedelta(minutes=minutes)


def person(role: Role = Role.UNIT_MEMBER, unit: str | None = "water") -> Principal:
    return Principal(uuid7(), "王建国", role, unit, "token", SystemClock().now() + DAYS)


def complaint(
    registered_at: datetime,
    *,
    text: str = "一楼的水管爆裂，水流了一地",
    category: str | None = "water.leak",
    urgency: Urgency | None = None,
    source: str | None = None,
    external_id: str | None = None,
    phone: str = "13812345678",
) -> tuple[ComplaintContent, ComplaintRegistered]:
    """A complaint's content and its registration."""
    complaint_id = uuid7()
    content = ComplaintContent(
        complaint_id=complaint_id,
        text=text,
        location="东区 12 号楼",
        complainant_name="张女士",
        complainant_phone=phone,
    )
    registered = ComplaintRegistered(
        complaint_id=complaint_id,
        number=f"HY-2611-{complaint_id.hex[-6:]}",
        channel=Channel.IMPORT if source else Channel.WEB,
        category=category,
        urgency=urgency,
        registered_at=registered_at,
        source=source,
        external_id=external_id,
    )
    return content, registered


def record_of(
    event: Event, seq: int = 1, origin: Origin = Origin.LIVE, at: datetime | None = None
) -> Envelope:
    """An event as it arrives from Kafka."""
    event_id = uuid7()
    headers = headers_of(
        event,
        event_id=event_id,
        source="test",
        occurred_at=at or SystemClock().now(),
        seq=seq,
        origin=origin,
        causation=None,
    )
    raw = RawRecord(event.topic, 0, event_id.int % 10**12, event.key.encode(), headers, event.to_json())
    envelope = read_envelope(raw)
    assert isinstance(envelope, Envelope), envelope
    return envelope


@dataclass(frozen=True)
class Told:
    """One row of the outbox."""

    type: str
    seq: int
    occurred_at: datetime
    origin: str
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """Type without owner and version: `deadline_missed`."""
        return self.type.split(".")[1]


@dataclass
class Desk:
    """Dispatch without its servers."""

    dsn: str
    sessions: Sessions
    knowledge: Knowledge = field(default_factory=Knowledge)
    statements: list[str] = field(default_factory=list)
    """Every statement sent so far."""

    async def take(self, *envelopes: Envelope) -> None:
        """Take a batch of records as the consumer does, in one transaction."""
        subscriptions = build_router(SystemClock(), self.knowledge)
        keys = {one.key for one in envelopes}

        async def batch(session: AsyncSession) -> None:
            await consume.take(session, subscriptions, envelopes, follow=keys)

        await run_unit(self.sessions, batch)

    async def register(
        self, *given: tuple[ComplaintContent, ComplaintRegistered], origin: Origin = Origin.LIVE
    ) -> list[UUID]:
        """Register complaints with their content, in one batch."""
        records = [record_of(event, origin=origin) for pair in given for event in pair]
        await self.take(*records)
        return [registered.complaint_id for _, registered in given]

    async def act(
        self,
        complaint_id: UUID,
        action: Action,
        who: Principal,
        text: str = "",
        *,
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        command = UnitAction(complaint_id, action, text)
        await run_unit(
            self.sessions, lambda session: act(session, command, who, knowledge=self.knowledge, clock=clock)
        )

    async def add_calendar(self, body: Mapping[str, Any]) -> None:
        """Put in another version of the calendar, and wait until it is known."""
        await run_unit(self.sessions, lambda session: add_calendar(session, body["version"], body))

        async def known() -> bool:
            reference = await run_unit(self.sessions, self.knowledge.get)
            return bool(reference.calendar.version == body["version"])

        await eventually(known)

    async def fire(self, *, epoch: int, limit: int = 200) -> int:
        """One look of the scheduler of this epoch."""
        return await run_unit(
            self.sessions, lambda session: fire_overdue(session, self.knowledge, epoch=epoch, limit=limit)
        )

    async def lead(self) -> int:
        """Begin a scheduler's term; returns its epoch."""
        statement = """
            INSERT INTO leaders (name, epoch) VALUES ('scheduler', 1)
            ON CONFLICT (name) DO UPDATE SET epoch = leaders.epoch + 1 RETURNING epoch
        """
        return int((await self.rows(statement))[0][0])

    async def import_answers(self, *rows: RecordedAnswer) -> list[Result]:
        return await run_unit(
            self.sessions,
            lambda session: import_answers(
                session, rows, "tester", knowledge=self.knowledge, clock=SystemClock()
            ),
        )

    async def rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def told(self, *complaint_ids: UUID) -> list[Told]:
        """What dispatch told about complaints, in the order it will be published."""
        rows = await self.rows(
            "SELECT type, seq, headers, body FROM outbox WHERE key = ANY($1) ORDER BY id",
            [str(one) for one in complaint_ids],
        )
        told = []
        for kind, seq, headers, body in rows:
            sent = json.loads(headers)
            at = datetime.fromisoformat(sent["ce_time"]).astimezone(UTC)
            told.append(Told(kind, seq, at, sent["ce_origin"], json.loads(body)))
        return told

    async def names(self, *complaint_ids: UUID) -> list[str]:
        """The names of what was told."""
        return [one.name for one in await self.told(*complaint_ids)]

    async def case(self, complaint_id: UUID) -> dict[str, Any]:
        return await self.one("SELECT * FROM cases WHERE complaint_id = $1", complaint_id)

    async def one(self, statement: str, *arguments: Any) -> dict[str, Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            row = await connection.fetchrow(statement, *arguments)
            assert row is not None, statement
            return dict(row)
        finally:
            await connection.close()


_TEMPLATES: dict[str, str] = {}  # of each server, a prepared database to copy


async def _prepared(postgres: PostgresServer) -> str:
    if postgres.admin_url not in _TEMPLATES:
        dsn = postgres.create_database()
        await asyncio.to_thread(migrations.upgrade, MIGRATIONS, dsn)
        engine = create_engine(dsn)
        await run_unit(create_sessions(engine), _fill)
        await engine.dispose()
        _TEMPLATES[postgres.admin_url] = dsn
    return _TEMPLATES[postgres.admin_url]


async def _fill(session: AsyncSession) -> None:
    await seed(session, SystemClock())
    book = rule_book_state()
    received: Sequence[Received[Event]] = [
        Received(uuid7(), book.type, book.topic, book.key, 1, SystemClock().now(), Origin.LIVE, book)
    ]
    await state.apply(session, received)


@asynccontextmanager
async def desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    """A desk on a fresh database, seeded, with rule book 1."""
    dsn = postgres.create_database(template=await _prepared(postgres))
    engine: AsyncEngine = create_engine(dsn, pool_size=5)
    made = Desk(dsn, create_sessions(engine))
    sa.event.listen(
        engine.sync_engine, "before_cursor_execute", lambda *given: made.statements.append(str(given[2]))
    )
    try:
        yield made
    finally:
        await engine.dispose()
