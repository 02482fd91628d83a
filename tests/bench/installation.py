"""The installation under measurement: databases and topics of its own, services as processes."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncSession

from shared import state
from shared.auth import mint
from shared.clock import SystemClock
from shared.contracts.dispatch import PersonState, Role, SigningKeyState
from shared.contracts.topics import TOPICS
from shared.database import create_engine, create_sessions, run_unit
from shared.ids import uuid7
from tests.bench.processes import Server, running_server
from tests.bench.servers import Servers
from tests.support.system import System, prepared_system

__all__ = ["Installation", "deliver", "installation"]

SERVICES = ("intake", "dispatch", "assessment")
MORE: Mapping[str, Mapping[str, str]] = {"intake": {"REGISTER_RATE": "1000000/second"}}


@dataclass(frozen=True)
class Installation:
    """Its addresses, what it knows, and a token that may do everything."""

    system: System
    servers: Servers
    token: str
    units: tuple[str, ...]
    categories: tuple[str, ...]

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[list[Server]]:
        """Run one replica of each service for the length of the block."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.service(name)) for name in names]

    @asynccontextmanager
    async def service(self, name: str, *, wait: bool = True) -> AsyncIterator[Server]:
        """Run one replica of a service for the length of the block."""
        environment = self.system.environment(name, **MORE.get(name, {}))
        factory = f"services.{name}.app:from_env"
        async with running_server(name, factory, environment, self.servers.folder, wait=wait) as server:
            yield server

    async def settle(self) -> None:
        """Sweep up and write to disk what came before, so that it is not measured with what comes next."""
        for dsn in self.system.dsn.values():
            connection = await asyncpg.connect(dsn)
            await connection.execute("VACUUM (ANALYZE)")
            await connection.execute("CHECKPOINT")
            await connection.close()
        await asyncio.to_thread(os.sync)


async def installation(servers: Servers) -> Installation:
    """Databases migrated and seeded, topics made, the state of all services on its topics; nothing runs."""
    most = max(topic.partitions for topic in TOPICS.values())
    system = await prepared_system(servers.kafka, servers.postgres, SERVICES, partitions=most)
    token = await _admit_administrator(system.dsn["dispatch"])
    for owner in ("dispatch", "assessment"):
        await deliver(system, owner)
    body = await system.value(
        "assessment", "SELECT body::text FROM state_entries WHERE topic = 'rulebook.state' LIMIT 1"
    )
    book = msgspec.json.decode(body)
    units = await system.rows("dispatch", "SELECT key FROM state_entries WHERE type = 'directory.unit.v1'")
    return Installation(
        system,
        servers,
        token,
        tuple(key.removeprefix("unit:") for (key,) in units),
        tuple(category["code"] for category in book["body"]["categories"]),
    )


async def _admit_administrator(dsn: str) -> str:
    """Publish a signing key and an administrator from dispatch's database; a token of that person."""
    key = OKPKey.generate_key("Ed25519", {"kid": "bench"})
    person, now = uuid7(), SystemClock().now()
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}

    async def publish(session: AsyncSession) -> None:
        for entity in (
            SigningKeyState(kid="bench", public_jwk=public),
            PersonState(person_id=person, name="测量", role=Role.ADMINISTRATOR, valid_from=now),
        ):
            await state.publish(session, entity, source="dispatch", at=now)

    engine = create_engine(dsn)
    await run_unit(create_sessions(engine), publish)
    await engine.dispose()
    return mint(key, person, token_id="bench", now=now)


async def deliver(system: System, name: str) -> None:
    """Publish what waits in a service's outbox, as its relay would if the service ran."""
    connection = await asyncpg.connect(system.dsn[name])
    rows = await connection.fetch(
        "SELECT topic, key, headers, body FROM outbox JOIN outbox_unpublished USING (id) ORDER BY id"
    )
    async with AIOKafkaProducer(bootstrap_servers=system.bootstrap, enable_idempotence=True) as producer:
        for row in rows:
            headers = [(key, value.encode()) for key, value in msgspec.json.decode(row["headers"]).items()]
            await producer.send_and_wait(
                system.prefix + row["topic"], row["body"], key=row["key"].encode(), headers=headers
            )
    await connection.execute("DELETE FROM outbox_unpublished")
    await connection.close()
