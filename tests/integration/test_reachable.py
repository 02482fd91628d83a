"""Kafka is waited for without its clients, which log an error for every try."""

import asyncio

from deploy.local.places import free_ports
from shared.reachable import until_reachable
from tests.support.wait import eventually


async def test_it_is_waited_for_until_one_of_the_servers_takes_connections() -> None:
    nobody, somebody = free_ports(2)
    waiting = asyncio.create_task(until_reachable(f"127.0.0.1:{nobody},127.0.0.1:{somebody}"))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done

    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", somebody)
    async with server:
        await eventually(waiting.done)
    waiting.result()
