"""The four services in this process, on databases and topics of their own, behind real sockets."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import asyncpg
import httpx
import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from deploy import topics
from deploy.migrate import migrations_folder
from shared import migrations
from shared.clock import Clock, SystemClock
from shared.contracts.topics import TOPICS
from shared.database import create_engine, create_sessions, run_unit
from shared.server import Protocol
from tests.support.infrastructure import PARTITIONS, PostgresServer
from tests.support.wait import eventually

__all__ = ["ALL", "Service", "System", "prepared_system", "running", "started"]

ALL = ("intake", "dispatch", "assessment", "notify")


@dataclass
class Service:
    """One running replica: its address and its database."""

    name: str
    url: str
    dsn: str
    server: uvicorn.Server
    task: "asyncio.Task[None]"

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.task


@dataclass
class System:
    """An installation for one test. `dsn` has an address per service, also of those not running."""

    bootstrap: str
    prefix: str
    dsn: dict[str, str]
    services: dict[str, Service] = field(default_factory=dict)
    people: list[Any] = field(default_factory=list)
    token: str | None = None

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """The settings of one service, as its environment."""
        given = {
            "DATABASE_URL": self.dsn[name],
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "KAFKA_PREFIX": self.prefix,
            **more,
        }
        return {f"{name.upper()}_{key}": value for key, value in given.items()}

    async def rows(self, name: str, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Ask the database of service `name`."""
        connection = await asyncpg.connect(self.dsn[name])
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def value(self, name: str, statement: str, *arguments: Any) -> Any:
        """The first value of the first row."""
        return (await self.rows(name, statement, *arguments))[0][0]

    async def start(self, name: str, clock: Clock | None = None, **settings: Any) -> Service:
        """Start one more replica of a service and wait until it is ready."""
        app_module = import_module(f"services.{name}.app")
        settings_module = import_module(f"services.{name}.settings")
        kind = getattr(settings_module, f"{name.capitalize()}Settings")
        given = {
            "database_url": self.dsn[name],
            "kafka_bootstrap": self.bootstrap,
            "kafka_prefix": self.prefix,
            "pool_size": 5,
            **settings,
        }
        app = app_module.create_app(kind(**given), clock or SystemClock())
        app.app.state.runtime.give_up = lambda: None  # a busy machine must not end the test process
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http=Protocol,
            log_config=None,
            lifespan="on",
            timeout_graceful_shutdown=5,
            access_log=False,
            ws="none",
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        service = Service(name, url, self.dsn[name], server, task)
        await eventually(lambda: _is_ready(service), timeout=60, pause=0.05)
        self.services.setdefault(name, service)
        return service

    def client(self, name: str, token: str | None = None) -> httpx.AsyncClient:
        """An HTTP client of the first replica of a service."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.services[name].url, headers=headers, timeout=30)


class _Server(uvicorn.Server):
    """A server that leaves the signals of the test process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _is_ready(service: Service) -> bool:
    if service.task.done():
        service.task.result()
        raise RuntimeError(f"{service.name} ended")
    async with httpx.AsyncClient() as client:
        try:
            response = await client.get(f"{service.url}/readyz")
        except httpx.HTTPError:
            return False
    assert response.status_code == 200, response.text
    return True


async def prepared_system(
    kafka: str, postgres: PostgresServer, services: Sequence[str] = ALL, *, partitions: int = PARTITIONS
) -> System:
    """Databases migrated and seeded, topics made; nothing runs yet.

    Topics have at most `partitions`: one small broker holds those of all tests.
    """
    prefix = f"s{uuid.uuid4().hex[:10]}."
    system = System(kafka, prefix, {name: postgres.create_database() for name in services})
    few = [replace(topic, partitions=min(partitions, topic.partitions)) for topic in TOPICS.values()]
    await topics.apply(kafka, prefix=prefix, topics=few)
    for name in services:
        await asyncio.to_thread(migrations.upgrade, migrations_folder(name), system.dsn[name])
        if find_spec(f"services.{name}.seed"):
            await _seed(name, system.dsn[name])
    return system


async def _seed(name: str, dsn: str) -> None:
    seed = import_module(f"services.{name}.seed").seed

    async def put_in(session: AsyncSession) -> None:
        await seed(session, SystemClock())

    engine = create_engine(dsn)
    await run_unit(create_sessions(engine), put_in)
    await engine.dispose()


@asynccontextmanager
async def started(system: System, **settings: Any) -> AsyncIterator[System]:
    """Start a replica of each service that has a database, together, and stop them at the end.

    State travels over Kafka, so a service that waits for another's state needs that one too.
    """
    async with AsyncExitStack() as stack:
        for service in await asyncio.gather(*(system.start(name, **settings) for name in system.dsn)):
            stack.push_async_callback(service.stop)
        yield system


@asynccontextmanager
async def running(
    kafka: str, postgres: PostgresServer, services: Sequence[str] = ALL, **settings: Any
) -> AsyncIterator[System]:
    """Prepare `services` and run them for the length of the block."""
    async with started(await prepared_system(kafka, postgres, services), **settings) as system:
        yield system
