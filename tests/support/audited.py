"""A real installation that did some of everything and was stopped, and copies of it to damage."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from deploy import topics
from deploy.auditor.kafka_log import Kafka
from deploy.auditor.layout import GROUPS, TOPICS, Group
from deploy.auditor.run import Installation, audit, wait_until_quiet
from deploy.auditor.verdict import Report
from services.dispatch.usecases.accounts import mint_command_token
from shared.clock import SystemClock
from shared.contracts.topics import TOPICS as MADE
from shared.database import create_engine, create_sessions, run_unit
from tests.support.infrastructure import PARTITIONS, PostgresServer
from tests.support.system import System, running
from tests.support.wait import eventually

__all__ = ["TOTAL", "UNANSWERED", "Audited", "Raw", "build"]

LIVE, BUSY, IMPORTED, UNANSWERED = 8, 40, 24, 2
TOTAL = LIVE + BUSY + IMPORTED
REGISTERED_AT = datetime(2019, 3, 4, 1, 0, tzinfo=UTC)
Raw: TypeAlias = "ConsumerRecord[bytes, bytes]"


@dataclass(frozen=True)
class Audited:
    """Four databases and a log at rest."""

    postgres: PostgresServer
    installation: Installation
    busy: Sequence[Report]
    """Audits made while complaints came in and clocks ran out."""

    async def with_changed(self, service: str, *statements: str) -> Installation:
        """A copy of the installation in whose `service` these statements were executed, whatever keys say."""
        copied = await asyncio.to_thread(self.postgres.create_database, self.installation.databases[service])
        connection = await asyncpg.connect(copied)
        try:
            await connection.execute("SET session_replication_role = replica")
            for statement in statements:
                done = await connection.execute(statement)
                assert not done.endswith(" 0"), f"{statement} changed nothing"
        finally:
            await connection.close()
        return replace(self.installation, databases={**self.installation.databases, service: copied})

    async def with_log(self, change: Callable[[list[Raw]], list[Raw]], *, ahead: int = 0) -> Installation:
        """A copy whose log holds what `change` makes of the records, each key in their order.

        The groups have committed as many records of each partition as the sound log has; `ahead` is added.
        """
        copied = replace(self.installation, prefix=f"c{uuid.uuid4().hex[:10]}.")
        few = [replace(topic, partitions=min(PARTITIONS, topic.partitions)) for topic in MADE.values()]
        await topics.apply(copied.kafka, prefix=copied.prefix, topics=few)
        records = await self._records()
        await _produce(copied, change(list(records)))
        committed = Counter((one.topic, one.partition) for one in records)
        for group in GROUPS:
            await _commit(copied, group, {place: count + ahead for place, count in committed.items()})
        return copied

    async def _records(self) -> list[Raw]:
        """Every record of the log, without the prefix of its topic, as if there were few partitions."""
        source = self.installation
        log = await Kafka(source.kafka, source.prefix).positions()
        ends = {TopicPartition(source.prefix + name, number): end for (name, number), end in log.ends.items()}
        found: list[Raw] = []
        async with AIOKafkaConsumer(bootstrap_servers=source.kafka) as consumer:
            consumer.assign([partition for partition, end in ends.items() if end])
            await consumer.seek_to_beginning()
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=1000)).values():
                    found += batch
        return [
            replace(one, topic=one.topic.removeprefix(source.prefix), partition=one.partition % PARTITIONS)
            for one in found
        ]


async def _produce(installation: Installation, records: Sequence[Raw]) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=installation.kafka, enable_idempotence=True, retry_backoff_ms=20
    ) as producer:
        for record in records:
            await producer.send(
                installation.prefix + record.topic,
                value=record.value,
                key=record.key,
                partition=0 if record.topic.endswith(".dead") else record.partition,
                timestamp_ms=record.timestamp,
                headers=list(record.headers),
            )
        await producer.flush()


async def _commit(installation: Installation, group: Group, offsets: Mapping[tuple[str, int], int]) -> None:
    """Let the group have committed this on the topics it reads."""
    placed = {
        TopicPartition(installation.prefix + topic, number): offset
        for (topic, number), offset in offsets.items()
        if topic in group.topics
    }
    async with AIOKafkaConsumer(
        bootstrap_servers=installation.kafka,
        group_id=installation.prefix + group.name,
        enable_auto_commit=False,
    ) as consumer:
        consumer.assign(list(placed))
        await consumer.commit(placed)


async def build(kafka: str, postgres: PostgresServer) -> Audited:
    """Run the four services through live and imported complaints, answers and misses, then stop them."""
    async with running(kafka, postgres, register_rate="100000/minute") as system:
        installation = Installation(system.dsn, kafka, system.prefix)
        token = await _token(system)
        await _register(system, range(LIVE))
        await _import(system, token)
        assert await wait_until_quiet(installation, 60)
        await _work(system, token)
        await _let_time_pass(system)
        busy = await _audit_meanwhile(system, installation)
        assert await wait_until_quiet(installation, 60)
    assert TOPICS.keys() == MADE.keys()
    return Audited(postgres, installation, busy)


async def _token(system: System) -> str:
    engine = create_engine(system.dsn["dispatch"])
    try:
        return await run_unit(
            create_sessions(engine), lambda session: mint_command_token(session, SystemClock())
        )
    finally:
        await engine.dispose()


async def _audit_meanwhile(system: System, installation: Installation) -> list[Report]:
    """Audit again and again while complaints come in and the clocks of earlier ones run out."""
    traffic = asyncio.create_task(_traffic(system))
    reports = []
    while not traffic.done():
        reports.append(await audit(installation))
    await traffic
    return reports


async def _traffic(system: System) -> None:
    for first in range(LIVE, LIVE + BUSY, 4):
        await _register(system, range(first, first + 4))
        await system.rows(
            "dispatch",
            "UPDATE deadlines SET due_at = now() WHERE kind = 'accept' AND complaint_id IN"
            " (SELECT complaint_id FROM cases WHERE origin = 'live' AND state = 'assigned'"
            " ORDER BY number DESC LIMIT 2)",
        )


async def _register(system: System, numbers: range) -> None:
    async with system.client("intake") as client:
        for number in numbers:
            response = await client.post(
                "/api/complaints",
                json={"text": f"三号楼一单元的水管爆裂，水流了一地({number})"},
                headers={"Idempotency-Key": f"key-{number}"},
            )
            assert response.status_code == 201, response.text


async def _import(system: System, token: str) -> None:
    """Import complaints of one unit close together, so that repeats occur; a third is answered late."""
    rows = [
        {
            "source": "board",
            "external_id": str(number),
            "registered_at": (REGISTERED_AT + timedelta(days=number)).isoformat(),
            "text": f"楼道里的灯坏了两个星期没有人管({number})",
        }
        for number in range(IMPORTED)
    ]
    answers = [
        {
            "source": "board",
            "external_id": row["external_id"],
            "text": "已经修好",
            "answered_at": (
                REGISTERED_AT + timedelta(days=number + (40 if number % 3 == 0 else 1))
            ).isoformat(),
        }
        for number, row in enumerate(rows[:-UNANSWERED])
    ]
    async with system.client("intake", token) as client:

        async def imported() -> dict[str, Any]:
            response = await client.post("/api/imports", json={"rows": rows})
            assert response.status_code == 200, response.text
            answer: dict[str, Any] = response.json()
            return answer

        answer = await eventually(imported, 15)
        assert answer["accepted"] == IMPORTED, answer
    async with system.client("dispatch", token) as client:
        response = await client.post("/dispatch/api/answers/import", json={"rows": answers})
        assert response.status_code == 200, response.text


async def _work(system: System, token: str) -> None:
    """One live case is accepted, completed and answered."""
    (complaint,) = (await _live_cases(system))[:1]
    async with system.client("dispatch", token) as client:
        for action, text in (("accept", ""), ("complete", ""), ("answer", "已经修好，感谢您的反映")):
            response = await client.post(
                f"/dispatch/api/cases/{complaint}/actions", json={"action": action, "text": text}
            )
            assert response.status_code == 200, response.text


async def _let_time_pass(system: System) -> None:
    """The clocks of two live cases run out, one of them by days."""
    late, very_late = (await _live_cases(system))[1:3]
    statement = "UPDATE deadlines SET due_at = now() - $2::interval WHERE complaint_id = $1"
    await system.rows("dispatch", statement + " AND kind = 'accept'", late, timedelta(seconds=1))
    await system.rows("dispatch", statement + " AND kind = 'complete'", very_late, timedelta(days=12))

    async def fired() -> bool:
        return bool(
            await system.value(
                "dispatch", "SELECT count(*) >= 4 FROM deadlines WHERE live AND fired_at IS NOT NULL"
            )
        )

    await eventually(fired, 30)


async def _live_cases(system: System) -> Sequence[Any]:
    rows = await system.rows(
        "dispatch", "SELECT complaint_id FROM cases WHERE origin = 'live' ORDER BY number"
    )
    return [row[0] for row in rows]
