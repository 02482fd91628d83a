"""A consumer that stands still with work in hand ends its process; one that waits for its database holds."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

import shared.runtime
from deploy.migrate import migrations_folder
from shared.consume import Subscription
from shared.contracts.envelope import Received
from shared.contracts.intake import ComplaintRegistered
from shared.ids import uuid7
from shared.runtime import Runtime
from shared.settings import ServiceSettings
from tests.support.delivery import registered
from tests.support.infrastructure import PostgresServer
from tests.support.publishing import publishing
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

Handler = Callable[[AsyncSession, Sequence[Received[Any]]], Any]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.runtime, "_WATCH_SECONDS", 0.2)
    monkeypatch.setattr(shared.runtime, "_STUCK_SECONDS", 1.0)


@asynccontextmanager
async def consuming(system: System, handler: Handler) -> AsyncIterator[tuple[Runtime, asyncio.Event]]:
    """A replica whose one handler has one event to take, and what is set when the replica gives up."""
    settings = ServiceSettings(
        database_url=SecretStr(system.dsn["intake"]),
        kafka_bootstrap=system.bootstrap,
        kafka_prefix=system.prefix,
    )
    runtime = Runtime(
        "intake",
        settings,
        migrations=migrations_folder("intake"),
        subscriptions=[Subscription("complaint.events", frozenset({ComplaintRegistered}), handler)],
        state_topics=["directory.state"],
    )
    gave_up = asyncio.Event()
    runtime.give_up = gave_up.set
    async with publishing(system.bootstrap, system.prefix) as publisher:
        await publisher.send([publisher.event(registered(uuid7()))])
    async with runtime.running():
        yield runtime, gave_up


async def test_a_handler_that_never_returns_ends_the_process(kafka: str, postgres: PostgresServer) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def stuck(_session: AsyncSession, _events: Sequence[Received[Any]]) -> None:
        entered.set()
        await release.wait()

    system = await prepared_system(kafka, postgres, ["intake"])
    async with consuming(system, stuck) as (_, gave_up):
        await asyncio.wait_for(entered.wait(), 60)
        await asyncio.wait_for(gave_up.wait(), 30)
        release.set()


async def test_one_that_waits_for_its_database_holds_and_goes_on(
    kafka: str, postgres: PostgresServer
) -> None:
    away, taken = True, asyncio.Event()

    async def waiting(_session: AsyncSession, _events: Sequence[Received[Any]]) -> None:
        if away:
            raise DBAPIError("SELECT 1", {}, ConnectionResetError())
        taken.set()

    system = await prepared_system(kafka, postgres, ["intake"])
    async with consuming(system, waiting) as (runtime, gave_up):

        async def held_for_long() -> bool:
            still = time.monotonic() - runtime._inlets[1].progressed_at
            return "holding" in str(await runtime.problems()) and still > 3 * shared.runtime._STUCK_SECONDS

        await eventually(held_for_long, timeout=60)
        assert not gave_up.is_set()
        away = False
        await asyncio.wait_for(taken.wait(), 60)
