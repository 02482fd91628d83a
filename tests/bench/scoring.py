"""What scoring costs: a full replay into assessment, and an import until every row is scored."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from shared.ids import uuid7
from tests.bench.figures import Figure, median_of, take_turns
from tests.bench.floor import insert_limit
from tests.bench.history import answer_rows, complaint_rows, records_of
from tests.bench.installation import Installation, deliver
from tests.bench.processes import Server, paused, running_server
from tests.bench.sizes import Sizes
from tests.support.root import ROOT
from tests.support.system import System, prepared_system
from tests.support.wait import eventually

__all__ = ["importing", "scoring"]

TOPICS = ("complaint.events", "assignment.events")
IMPORT_BATCH = 200  # rows, as `huiying import` sends them
TURN_LIMIT = 120.0  # seconds for one round
LOOK_EVERY = 0.02  # seconds between two looks at how far a group is


async def scoring(place: Installation, sizes: Sizes) -> list[Figure]:
    """Events that assessment takes in from Kafka, history cases with misses, beside a plain consumer."""
    streams = [await _prepared_stream(place, sizes.cases_scored) for _ in range(sizes.rounds)]
    ours, limit = iter(streams), iter(streams)
    found = await take_turns(
        sizes.rounds,
        ours=lambda: _replay(place, next(ours), sizes.cases_scored),
        limit=lambda: _plain(next(limit)),
    )
    return [
        Figure(
            *("scoring", "考核：重放历史事件", "事件/秒", median_of(found["ours"])),
            *(median_of(found["limit"]), "FastStream 批量消费，什么也不做", 0.25),
            more={"rounds": found, "events": streams[0].events},
        )
    ]


class _Stream:
    """A system of its own with prepared topics that nobody has read."""

    def __init__(self, system: System, events: int) -> None:
        self.system = system
        self.events = events
        self.topics = [system.prefix + topic for topic in TOPICS]

    async def rate_of(self, group: str, server: Server | None = None) -> float:
        """Events per second a consumer group commits, from its first commit to its last."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.system.bootstrap)
        await admin.start()
        try:
            first, started = await self._committed_beyond(admin, group, 0, server)
            last, finished = await self._committed_beyond(admin, group, self.events - 1, server)
        finally:
            await admin.close()
        # A group that commits everything at once was not slower than the time between two looks.
        return (last - first or last) / max(finished - started, LOOK_EVERY)

    async def _committed_beyond(
        self, admin: AIOKafkaAdminClient, group: str, count: int, server: Server | None
    ) -> tuple[int, float]:
        give_up = time.monotonic() + TURN_LIMIT
        while time.monotonic() < give_up:
            found = await self._committed(admin, self.system.prefix + group)
            if found > count:
                return found, time.monotonic()
            if server is not None:
                server.check()
            await asyncio.sleep(LOOK_EVERY)
        raise TimeoutError(f"{group} did not come beyond {count} of {self.events} events")

    async def _committed(self, admin: AIOKafkaAdminClient, group: str) -> int:
        try:
            offsets = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:  # the first group of a new broker
            return 0
        return sum(one.offset for partition, one in offsets.items() if partition.topic in self.topics)


async def _prepared_stream(place: Installation, cases: int) -> _Stream:
    system = await prepared_system(place.servers.kafka, place.servers.postgres, ["dispatch", "assessment"])
    for owner in ("dispatch", "assessment"):
        await deliver(system, owner)
    events = 0
    async with AIOKafkaProducer(
        bootstrap_servers=system.bootstrap, enable_idempotence=True, max_batch_size=256 * 1024
    ) as producer:
        for number in range(cases):
            for topic, key, value, headers in records_of(number, cases, place.units):
                await producer.send(system.prefix + topic, value, key=key, headers=headers)
                events += 1
        await producer.flush()
    return _Stream(system, events)


async def _replay(place: Installation, stream: _Stream, cases: int) -> float:
    environment = stream.system.environment("assessment")
    factory = "services.assessment.app:from_env"
    folder = place.servers.folder
    async with running_server("assessment", factory, environment, folder, wait=False) as server:
        rate = await stream.rate_of("assessment", server)
    waiting = await stream.system.value("assessment", "SELECT count(*) FROM pending_events")
    answered = await stream.system.value("assessment", "SELECT count(answered_at) FROM cases")
    charged = await stream.system.value("assessment", "SELECT count(DISTINCT complaint_id) FROM ledger")
    if (waiting, answered) != (0, cases) or charged < cases // 3:
        raise AssertionError(f"{waiting} events wait, {answered} of {cases} answered, {charged} charged")
    return rate


async def _plain(stream: _Stream) -> float:
    group = f"plain-{uuid7().hex}"
    arguments = [stream.system.bootstrap, stream.system.prefix + group, *stream.topics]
    command = [sys.executable, "-m", "tests.bench.plain_consumer", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        return await stream.rate_of(group)
    finally:
        process.terminate()
        await process.wait()


async def importing(place: Installation, sizes: Sizes) -> list[Figure]:
    """Rows of an import and their answers until every one is scored, beside the plain insert."""
    dsn = place.servers.postgres.create_database()
    async with place.running("intake", "dispatch", "assessment") as services, _clients(place, services) as to:
        await _import(place, to, 200)

        async def limit() -> float:
            with paused(services):
                return await insert_limit(dsn, sizes.insert)

        found = await take_turns(
            sizes.rounds, ours=lambda: _import(place, to, sizes.rows_imported), limit=limit
        )
    return [
        Figure(
            *("import", "导入 → 全部考核", "行/秒", median_of(found["ours"])),
            *(median_of(found["limit"]), "只写入，每批 100 行"),
            more={"rounds": found},
        )
    ]


async def _import(place: Installation, to: "_Clients", count: int) -> float:
    run = uuid7().hex
    wanted = count + await _scored(place)
    started = time.monotonic()
    for first in range(0, count, IMPORT_BATCH):
        last = min(count, first + IMPORT_BATCH)
        await _post(to["intake"], "/api/imports", complaint_rows(run, first, last, count))
        await _post(to["dispatch"], "/dispatch/api/answers/import", answer_rows(run, first, last, count))

    async def all_scored() -> bool:
        return await _scored(place) >= wanted

    await eventually(all_scored, TURN_LIMIT, LOOK_EVERY)
    return count / (time.monotonic() - started)


async def _scored(place: Installation) -> int:
    statement = "SELECT count(answered_at) FROM cases WHERE origin = 'history'"
    return int(await place.system.value("assessment", statement))


async def _post(client: httpx.AsyncClient, path: str, rows: Collection[dict[str, Any]]) -> None:
    answer = await client.post(path, json={"rows": rows})
    if answer.status_code != 200 or answer.json()["accepted"] != len(rows):
        raise AssertionError(f"{path}: {answer.status_code} {answer.text[:500]}")


_Clients = dict[str, httpx.AsyncClient]


@asynccontextmanager
async def _clients(place: Installation, services: Collection[Server]) -> AsyncIterator[_Clients]:
    headers = {"Authorization": f"Bearer {place.token}"}
    clients = {
        one.name: httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{one.port}", headers=headers, timeout=60, trust_env=False
        )
        for one in services
    }
    try:
        yield clients
    finally:
        for client in clients.values():
            await client.aclose()
