"""Intake alone: a database that holds what the others would have told it, and its app in this process."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import sqlalchemy as sa
from joserfc.jwk import OKPKey

from services.intake.app import create_app
from services.intake.settings import IntakeSettings
from shared import migrations
from shared.auth import mint
from shared.clock import Clock, SystemClock
from shared.contracts.assessment import RuleBookState
from shared.contracts.dispatch import PersonState, Role, SigningKeyState, UnitState
from shared.contracts.envelope import Event
from shared.database import create_engine, create_sessions, transaction
from shared.edge import Edge
from shared.state import state_entries
from tests.support.infrastructure import PostgresServer
from tests.support.root import ROOT
from tests.support.shipped import raw_directory, raw_rule_book

__all__ = ["Desk", "report", "rule_book", "serving", "units"]

SERVICES = ROOT / "services"
NO_KAFKA = "127.0.0.1:9"


def units() -> list[UnitState]:
    """The units of the shipped directory."""
    return [UnitState(**row, position=place) for place, row in enumerate(raw_directory()["units"])]


def rule_book() -> RuleBookState:
    """The shipped rule book."""
    body = raw_rule_book()
    return RuleBookState(version=body["version"], in_force_from=body["in_force_from"], body=body)


def report(text: str = "三号楼电梯坏了", **more: Any) -> dict[str, Any]:
    return {"text": text, **more}


@dataclass
class Desk:
    """Replicas of intake on one database, and clients of them."""

    dsn: str
    apps: list[Edge]
    key: OKPKey
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def client(self) -> httpx.AsyncClient:
        return self.clients[0]

    async def post(
        self,
        body: Mapping[str, Any],
        *,
        key: str | None = None,
        replica: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = dict(headers or {}) | ({} if key is None else {"Idempotency-Key": key})
        return await self.clients[replica].post("/api/complaints", json=body, headers=sent)

    async def token(self, role: Role, unit: str | None = None) -> str:
        """A token of a new person, known within a second."""
        now = SystemClock().now()
        person = PersonState(person_id=uuid4(), name="测试", role=role, unit=unit, valid_from=now)
        await put_state(self.dsn, [person])
        for app in self.apps:
            app.app.state.verifier._directory._read_at = 0.0  # type: ignore[attr-defined]
        return mint(self.key, person.person_id, token_id=str(uuid4()), now=now)

    async def bearer(self, role: Role, unit: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token(role, unit)}"}

    async def rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def value(self, statement: str, *arguments: Any) -> Any:
        return (await self.rows(statement, *arguments))[0][0]

    async def counts(self) -> dict[str, int]:
        """How many rows each table of a registration holds."""
        tables = ("complaints", "contents", "audit_entries", "idempotency_keys", "outbox")
        return {table: await self.value(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


async def put_state(dsn: str, entities: Sequence[Event]) -> None:
    engine = create_engine(dsn)
    rows = [
        {
            "topic": one.topic,
            "key": one.key,
            "version": 1,
            "type": one.type,
            "body": one.model_dump(mode="json"),
        }
        for one in entities
    ]
    async with transaction(create_sessions(engine)) as session:
        await session.execute(sa.insert(state_entries), rows)
    await engine.dispose()


_TEMPLATES: dict[str, tuple[str, OKPKey]] = {}  # by server: a database to copy, and its signing key


async def _template(postgres: PostgresServer) -> tuple[str, OKPKey]:
    """A migrated database that knows units, rule book and the public half of a key."""
    dsn = postgres.create_database()
    await asyncio.to_thread(migrations.upgrade, SERVICES / "intake" / "migrations", dsn)
    key = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    await put_state(dsn, [*units(), rule_book(), SigningKeyState(kid="k1", public_jwk=public)])
    return dsn, key


@asynccontextmanager
async def serving(
    postgres: PostgresServer, *, replicas: int = 1, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Desk]:
    """Replicas on a fresh database, without their lifespan: no Kafka, no relay."""
    if postgres.admin_url not in _TEMPLATES:
        _TEMPLATES[postgres.admin_url] = await _template(postgres)
    template, key = _TEMPLATES[postgres.admin_url]
    dsn = postgres.create_database(template)
    made = IntakeSettings(
        database_url=dsn, kafka_bootstrap=NO_KAFKA, **{"register_rate": "100000/minute", **settings}
    )
    apps = [create_app(made, clock or SystemClock()) for _ in range(replicas)]
    desk = Desk(dsn, apps, key)
    for app in apps:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        desk.clients.append(httpx.AsyncClient(transport=transport, base_url="http://intake", timeout=30))
    try:
        yield desk
    finally:
        for client, app in zip(desk.clients, apps, strict=True):
            await client.aclose()
            await app.app.state.desk.registrations.close()  # type: ignore[attr-defined]
            await app.app.state.runtime.engine.dispose()  # type: ignore[attr-defined]
