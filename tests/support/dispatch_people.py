"""Dispatch's HTTP side on a real PostgreSQL, without Kafka: people, tokens, cases on feeds, open streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.dispatch.app import create_app
from services.dispatch.feed import Hub
from services.dispatch.settings import DispatchSettings
from services.dispatch.store.feed import recorded
from services.dispatch.usecases.directory import NewPerson, add_person, signing_key
from shared.auth import SignInRequiredError, Verifier, mint
from shared.clock import SystemClock
from shared.contracts.dispatch import Role
from shared.database import run_unit
from shared.edge import Edge
from shared.ids import uuid7
from shared.rows import insert_all
from shared.runtime import Runtime
from shared.server import Protocol
from tests.support.dispatch import Desk, complaint, desk, minutes_ago
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

__all__ = ["Dispatch", "HandClock", "Stream", "dispatch_app", "served"]

_CATEGORIES = {"water": "water.leak", "repair": "repair.ordinary"}


@dataclass
class HandClock:
    """A clock that stands until it is moved."""

    at: datetime = field(default_factory=lambda: SystemClock().now())

    def now(self) -> datetime:
        return self.at

    def move(self, **more: float) -> None:
        self.at += timedelta(**more)


@dataclass
class Dispatch:
    """One replica, not served: requests reach it in this process."""

    desk: Desk
    edge: Edge
    clock: HandClock
    people: dict[str, UUID] = field(default_factory=dict)

    @property
    def app(self) -> FastAPI:
        app = self.edge.app
        assert isinstance(app, FastAPI)
        return app

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.app.state.runtime
        return runtime

    @property
    def hub(self) -> Hub:
        hub: Hub = self.app.state.feed
        return hub

    def client(self, token: str | None = None, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        signed = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=signed | (headers or {})
        )

    async def token(self, role: Role, unit: str | None = None) -> str:
        """A token of a person with this role, made on first use."""
        name = f"{role.value}.{unit or 'company'}"

        async def work(session: AsyncSession) -> str:
            if name not in self.people:
                person = await add_person(session, NewPerson(name, name, role, unit), self.clock)
                self.people[name] = person.id
            key = await signing_key(session, self.clock)
            return mint(key, self.people[name], token_id=str(uuid7()), now=self.clock.now())

        is_new = name not in self.people
        token = await run_unit(self.runtime.sessions, work)
        if is_new:
            await eventually(lambda: self._is_known(token))
        return token

    async def _is_known(self, token: str) -> bool:
        """Whether the replica knows the token's holder; made to read at once, or it takes a second."""
        verifier: Verifier = self.app.state.verifier
        try:
            await verifier.verify(token)
        except SignInRequiredError:
            verifier._directory._value = None
            return False
        return True

    async def add_case(self, unit: str = "water") -> UUID:
        """A case that was just assigned to a unit, on its feed."""
        return (await self.add_cases(unit, 1))[0]

    async def add_cases(self, unit: str, number: int) -> list[UUID]:
        """Cases of one batch."""
        given = [complaint(minutes_ago(1), category=_CATEGORIES[unit]) for _ in range(number)]
        return await self.desk.register(*given)

    async def change(self, unit: str, *complaint_ids: UUID) -> None:
        """Note a change of these cases in the unit's feed."""
        changes = [(unit, complaint_id) for complaint_id in complaint_ids]
        await run_unit(self.runtime.sessions, lambda session: insert_all(session, closing=recorded(changes)))


@asynccontextmanager
async def dispatch_app(
    postgres: PostgresServer, *, beside: Dispatch | None = None, **settings: Any
) -> AsyncIterator[Dispatch]:
    """A replica on a fresh database, or a further one on the database of `beside`."""
    async with AsyncExitStack() as stack:
        made = beside.desk if beside else await stack.enter_async_context(desk(postgres))
        clock = beside.clock if beside else HandClock()
        given = {"database_url": made.dsn, "kafka_bootstrap": "127.0.0.1:1", **settings}
        replica = Dispatch(made, create_app(DispatchSettings(**given), clock), clock)
        stack.push_async_callback(replica.runtime.engine.dispose)
        yield replica


@asynccontextmanager
async def served(replica: Dispatch) -> AsyncIterator[str]:
    """Serve a replica and run its hub; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        replica.edge, http=Protocol, lifespan="off", log_config=None, access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    work = [
        asyncio.create_task(replica.hub.run(replica.runtime)),
        asyncio.create_task(replica.hub.attend(replica.runtime)),
    ]
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        replica.hub.close()
        server.should_exit = True
        await serving
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


class Stream:
    """One open stream of server-sent events, read in the background."""

    def __init__(self, url: str, token: str, last_event_id: str | None = None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        if last_event_id is not None:
            self._headers["Last-Event-ID"] = last_event_id
        self.events: list[tuple[str, str]] = []
        self.comments = 0
        self.open = False
        self.ended = False

    @property
    def positions(self) -> list[int]:
        return [int(event_id) for event_id, _ in self.events]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [json.loads(data) for _, data in self.events]

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        async with (
            httpx.AsyncClient(timeout=None) as client,  # noqa: S113 - it stays open
            client.stream("GET", self._url, headers=self._headers) as response,
        ):
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"].startswith("text/event-stream")
            event_id, data = "", []
            async for line in response.aiter_lines():
                self.open = True
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("id: "):
                    event_id = line[4:]
                elif line.startswith("data: "):
                    data.append(line[6:])
                elif not line and data:
                    self.events.append((event_id, "\n".join(data)))
                    data = []
        self.ended = True
