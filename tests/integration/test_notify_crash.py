"""A sender killed at each of its named points: the receiver gets the alert, at most one flagged resend."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.dispatch import Role
from tests.support.infrastructure import PostgresServer
from tests.support.notify_service import LIMIT, QUICK, Notify, assigned, registered
from tests.support.publishing import publishing
from tests.support.root import ROOT
from tests.support.sinks import mailbox, web_hook
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

RESENT = "这是重发"


@asynccontextmanager
async def dying(system: System, point: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Notify in a process of its own that kills itself at `point`."""
    environment = os.environ | system.environment("notify", INSTANCE="n1") | {"HUIYING_CRASH_AT": point}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "--factory", "services.notify.app:from_env"),
        *("--host", "127.0.0.1", "--port", "0", "--log-level", "warning"),
        env=environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def after_a_crash(
    kafka: str, postgres: PostgresServer, point: str, address: str
) -> tuple[list[dict[str, Any]], list[tuple[str, int]]]:
    """Kill the sender at `point` in the middle of one alert, start it again; deliveries and their events."""
    system = await prepared_system(kafka, postgres, ["notify"])
    async with publishing(kafka, system.prefix) as publisher:
        sign_ins = await publisher.directory()
        token = await sign_ins.token(Role.ADMINISTRATOR)
        service = await system.start("notify", **QUICK)
        async with system.client("notify", token) as admin:
            await Notify(system, publisher, sign_ins, admin).add_channel("repair", address)
        await service.stop()
        system.services.clear()

        async with dying(system, point) as process:
            case = uuid4()
            await publisher.publish(registered(case), assigned(case))
            async with asyncio.timeout(LIMIT / 2):
                assert await process.wait() == -9

        service = await system.start("notify", **QUICK, instance="n1")
        try:
            async with system.client("notify", token) as admin:
                running = Notify(system, publisher, sign_ins, admin)
                await running.reach("sent")
                return await running.deliveries(), await running.settled()
        finally:
            await service.stop()


@pytest.mark.parametrize("point", ["notify.after_remote_accept", "notify.before_mark"])
@pytest.mark.parametrize("kind", ["mail", "web"])
async def test_killed_after_the_receiver_accepted_it_resends_once_and_says_so(
    kafka: str, postgres: PostgresServer, point: str, kind: str
) -> None:
    with mailbox() as box, web_hook() as hook:
        address = box.address() if kind == "mail" else hook.address()
        (delivery,), settled = await after_a_crash(kafka, postgres, point, address)

        assert (delivery["resent"], delivery["attempts"]) == (True, 2)
        assert settled == [("unknown", 1), ("sent", 2)]
        if kind == "mail":
            assert len({mail["Message-ID"] for mail in box.mails}) == 1
            texts = box.texts()
        else:
            assert len(set(hook.keys())) == 1
            texts = [body["message"] for _, body in hook.requests]
        assert [RESENT in text for text in texts] == [False, True]


@pytest.mark.parametrize("point", ["notify.after_claim", "notify.after_connect"])
async def test_killed_before_it_was_sent_sends_it_flagged_once(
    kafka: str, postgres: PostgresServer, point: str
) -> None:
    with web_hook() as hook:
        (delivery,), settled = await after_a_crash(kafka, postgres, point, hook.address())

        assert (delivery["resent"], settled) == (True, [("unknown", 1), ("sent", 2)])
        assert len(hook.requests) == 1


async def test_killed_after_it_was_marked_sends_nothing_more(kafka: str, postgres: PostgresServer) -> None:
    with web_hook() as hook:
        (delivery,), settled = await after_a_crash(kafka, postgres, "notify.after_mark", hook.address())

        assert (delivery["resent"], settled) == (False, [("sent", 1)])
        assert len(hook.requests) == 1


async def test_a_lease_that_ran_out_is_taken_over_by_another_replica(
    kafka: str, postgres: PostgresServer
) -> None:
    system = await prepared_system(kafka, postgres, ["notify"])
    with web_hook() as hook:
        async with publishing(kafka, system.prefix) as publisher:
            sign_ins = await publisher.directory()
            token = await sign_ins.token(Role.ADMINISTRATOR)
            service = await system.start("notify", **QUICK)
            async with system.client("notify", token) as admin:
                running = Notify(system, publisher, sign_ins, admin)
                await running.add_channel("repair", hook.address())
                hook.replies = [(503, {})] * 3
                case = uuid4()
                await publisher.publish(registered(case), assigned(case))
                await running.reach("failed")
                await system.rows(
                    "notify",
                    "UPDATE deliveries SET state = 'sending', sender = 'elsewhere', next_at = now()",
                )
                await running.reach("sent")
                assert (await running.deliveries())[0]["resent"]

                async def all_told() -> bool:
                    return list(await running.settled()) == [("failed", 3), ("unknown", 3), ("sent", 4)]

                await eventually(all_told, timeout=LIMIT / 3)
            await service.stop()
