"""The chain at its plainest: insert, produce, consume, insert, in one process, without HTTP and rules.

What no complaint system on these two servers can undercut; a stall of the machine holds it up as well.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

__all__ = ["PlainChain", "plain_chain"]

_TABLES = """
    CREATE TABLE IF NOT EXISTS plain_sent (id integer PRIMARY KEY, body bytea);
    CREATE TABLE IF NOT EXISTS plain_taken (id integer PRIMARY KEY, body bytea);
"""
BODY = b"x" * 500
POLL_MILLISECONDS = 200
PATIENCE = 60.0  # seconds for the last ones


class PlainChain:
    """One writer, one producer, one reader with a connection of its own."""

    def __init__(
        self,
        writer: "asyncpg.Connection[asyncpg.Record]",
        taker: "asyncpg.Connection[asyncpg.Record]",
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        topic: str,
    ) -> None:
        self._writer = writer
        self._taker = taker
        self._producer = producer
        self._consumer = consumer
        self._topic = topic
        self._turn = asyncio.Lock()
        self._taken: dict[int, float] = {}
        self._more = asyncio.Event()
        self._count = 0

    async def run(self, rate: int, seconds: int) -> list[tuple[float, float]]:
        """Send at a constant rate; when each was due, and how many seconds later it was taken.

        TimeoutError if some are not taken a minute after the last was sent.
        """
        numbers = range(self._count, self._count + rate * seconds)
        self._count = numbers.stop
        started = time.monotonic() + 0.1
        due = {number: started + place / rate for place, number in enumerate(numbers)}
        sending = []
        for number in numbers:
            await asyncio.sleep(due[number] - time.monotonic())
            sending.append(asyncio.create_task(self._send(number)))
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*sending)
            while not self._taken.keys() >= due.keys():
                self._more.clear()
                await self._more.wait()
        return [(due[number], self._taken[number] - due[number]) for number in numbers]

    async def take(self) -> None:
        """Store what comes, until cancelled."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=POLL_MILLISECONDS)).values():
                for record in records:
                    number = int(record.key)
                    await self._taker.execute("INSERT INTO plain_taken VALUES ($1, $2)", number, record.value)
                    self._taken[number] = time.monotonic()
                    self._more.set()

    async def _send(self, number: int) -> None:
        async with self._turn:
            await self._writer.execute("INSERT INTO plain_sent VALUES ($1, $2)", number, BODY)
        await self._producer.send_and_wait(self._topic, BODY, key=str(number).encode())


@asynccontextmanager
async def plain_chain(dsn: str, bootstrap: str, topic: str) -> AsyncIterator[PlainChain]:
    """Have the chain on an empty database and a topic for the length of the block."""
    async with AsyncExitStack() as stack:
        writer, taker = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        for connection in (writer, taker):
            stack.push_async_callback(connection.close)
        await writer.execute(_TABLES)
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        for client in (producer, consumer):
            await client.start()
            stack.push_async_callback(client.stop)
        chain = PlainChain(writer, taker, producer, consumer, topic)
        taking = asyncio.create_task(chain.take())
        stack.callback(taking.cancel)
        yield chain
