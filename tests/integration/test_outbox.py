"""The outbox loses no row, keeps the order of a key, and survives what may happen to its relay."""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy as sa

from shared import outbox
from shared.database import run_unit, transaction
from shared.leader import Leadership, LeadershipLostError, lead
from shared.outbox import Outgoing
from shared.relay import LEADER, Relay, mark
from tests.support.delivery import NOW, Toy, content, headers, registered, toy
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

WRITERS, EACH, KEYS = 8, 60, 12
PUBLISHED = """
    INSERT INTO outbox_publications (epoch, first_id, last_id, published_at)
    VALUES (1, $1, $1, now() - $2::interval)
"""


@asynccontextmanager
async def relaying(service: Toy) -> AsyncIterator[Relay]:
    relay = Relay(service.dsn, service.bootstrap, service.prefix)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def unpublished(service: Toy) -> int:
    return int((await service.rows("SELECT count(*) FROM outbox_unpublished"))[0][0])


async def test_eight_concurrent_writers_lose_nothing_and_keep_each_keys_order(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database()) as service:
        complaints = [uuid4() for _ in range(KEYS)]
        await service.rows("CREATE TABLE counters (id uuid PRIMARY KEY, seq bigint NOT NULL)")
        for complaint in complaints:
            await service.rows("INSERT INTO counters VALUES ($1, 0)", complaint)

        async def write(writer: int) -> None:
            for turn in range(EACH):
                complaint = complaints[(writer * 7 + turn) % KEYS]
                async with transaction(service.sessions) as session:
                    seq = await session.scalar(
                        sa.text("UPDATE counters SET seq = seq + 1 WHERE id = :id RETURNING seq"),
                        {"id": complaint},
                    )
                    assert seq is not None
                    await outbox.add(session, Outgoing(registered(complaint), seq, NOW, "test"))
                    await asyncio.sleep(0)  # give the other writers a chance to commit first

        async with relaying(service):
            await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
            records = await asyncio.wait_for(
                service.read_topic("complaint.events", WRITERS * EACH), timeout=60
            )
            await eventually(lambda: _is_drained(service))

        numbers: dict[bytes, list[int]] = defaultdict(list)
        for record in records:
            numbers[record.key].append(int(dict(record.headers)["ce_seq"]))
        assert sum(len(each) for each in numbers.values()) == WRITERS * EACH
        assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())


async def _is_drained(service: Toy) -> bool:
    return await unpublished(service) == 0


async def test_a_rolled_back_event_is_never_published(kafka: str, postgres: PostgresServer) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        lost, kept = uuid4(), uuid4()
        with suppress(RuntimeError):
            async with transaction(service.sessions) as session:
                await outbox.add(session, Outgoing(registered(lost), 1, NOW, "test"))
                raise RuntimeError("the fact did not become true")
        async with transaction(service.sessions) as session:
            await outbox.add(session, Outgoing(registered(kept), 1, NOW, "test"))
        async with relaying(service):
            (record,) = await service.read_topic("complaint.events", 1)
        assert record.key.decode() == str(kept)


async def test_the_relay_wakes_at_commit(kafka: str, postgres: PostgresServer) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        async with relaying(service) as relay:
            await eventually(lambda: relay.leading, timeout=30)
            loop = asyncio.get_running_loop()
            delays = []
            for _ in range(5):
                started = loop.time()
                async with transaction(service.sessions) as session:
                    await outbox.add(session, Outgoing(registered(uuid4()), 1, NOW, "test"))
                await eventually(lambda: _is_drained(service), pause=0.005)
                delays.append(loop.time() - started)
        assert min(delays) < 0.5, delays  # a poll alone would take a second


async def test_rows_that_were_put_back_are_published_again(
    kafka: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.relay._WHOLE_SECONDS", 0.5)
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        async with relaying(service):
            for _ in range(3):
                async with transaction(service.sessions) as session:
                    await outbox.add(session, Outgoing(registered(uuid4()), 1, NOW, "test"))
            first = await service.read_topic("complaint.events", 3)
            await eventually(lambda: _is_drained(service))
            connection = await asyncpg.connect(service.dsn)
            await connection.execute(
                "INSERT INTO outbox_unpublished SELECT id FROM outbox ON CONFLICT DO NOTHING"
            )
            await connection.close()
            both = await service.read_topic("complaint.events", 6)
        assert [one.key for one in both] == [one.key for one in first] * 2


async def test_a_second_relay_takes_over_and_the_first_ones_epoch_is_fenced(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        async with relaying(service) as first:
            await eventually(lambda: first.leading, timeout=30)
            async with relaying(service) as second:
                assert not second.leading
                await service.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
                    "huiying-relay",
                )
                async with transaction(service.sessions) as session:
                    await outbox.add(session, Outgoing(registered(uuid4()), 1, NOW, "test"))
                await eventually(lambda: _is_drained(service), timeout=30)
        epochs = await service.rows("SELECT epoch FROM leaders WHERE name = 'relay'")
        marks = await service.rows("SELECT epoch FROM outbox_publications")
        assert epochs[0][0] >= 2
        assert marks[0][0] >= 2


async def test_a_mark_of_an_earlier_term_is_refused(kafka: str, postgres: PostgresServer) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        async with transaction(service.sessions) as session:
            await outbox.add(session, Outgoing(registered(uuid4()), 1, NOW, "test"))
        async with lead(service.dsn, LEADER) as term:
            earlier = Leadership(LEADER, term.epoch - 1, term.connection)
            with pytest.raises(LeadershipLostError):
                await mark(earlier, [1])
            assert await unpublished(service) == 1
            await mark(term, [1])
            assert await unpublished(service) == 0


async def test_a_relay_killed_between_produce_and_mark_duplicates_in_kafka_but_not_in_effect(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        complaint = uuid4()
        async with transaction(service.sessions) as session:
            await outbox.add(session, Outgoing(registered(complaint), 1, NOW, "test"))
        program = (
            "import asyncio, sys; from shared.relay import Relay; "
            "asyncio.run(Relay(sys.argv[1], sys.argv[2], sys.argv[3]).run())"
        )
        killed = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            service.dsn,
            service.bootstrap,
            service.prefix,
            env=os.environ | {"HUIYING_CRASH_AT": "relay.after_produce"},
        )
        assert await asyncio.wait_for(killed.wait(), 60) == -9
        assert await unpublished(service) == 1

        async with relaying(service):
            first, again = await service.read_topic("complaint.events", 2)
            await eventually(lambda: _is_drained(service))
        assert dict(first.headers)["ce_id"] == dict(again.headers)["ce_id"]
        assert first.value == again.value

        await service.send([(content(complaint), 1)])
        async with service.consuming():
            await eventually(lambda: _has_committed(service, "complaint.events", 2), timeout=60)
        assert [row[0] for row in await service.effects()].count("complaint.events") == 1


async def _has_committed(service: Toy, topic: str, records: int) -> bool:
    return await service.committed(topic) == records


async def test_published_rows_are_pruned_only_after_thirty_days(kafka: str, postgres: PostgresServer) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        async with transaction(service.sessions) as session:
            for _ in range(3):
                await outbox.add(session, Outgoing(registered(uuid4()), 1, NOW, "test"))
        connection = await asyncpg.connect(service.dsn)
        for row, days in ((1, 31), (2, 29)):
            await connection.execute("DELETE FROM outbox_unpublished WHERE id = $1", row)
            await connection.execute(PUBLISHED, row, timedelta(days=days))
        assert await run_unit(service.sessions, outbox.prune) == 1
        assert await service.count("outbox") == 2
        assert await service.count("outbox_publications") == 1
        await connection.execute("UPDATE outbox_publications SET published_at = now() - interval '31 days'")
        await connection.close()
        assert await run_unit(service.sessions, outbox.prune) == 1
        assert await service.rows("SELECT id FROM outbox") == [(3,)]  # still unpublished
        await service.rows("INSERT INTO outbox_unpublished VALUES (1), (2)")  # put back, but too late
        await run_unit(service.sessions, outbox.prune)
        assert await service.rows("SELECT id FROM outbox_unpublished") == [(3,)]


async def test_the_mirror_of_a_record_with_huge_headers_fits_into_kafka(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        event = registered(uuid4())
        named = [*headers(event, 1), ("x_small", b"kept"), ("x_huge", b"\xff" * 600_000)]
        await service.produce([(event.topic, event.key.encode(), b"not JSON", named)])
        async with service.consuming(), relaying(service):
            await eventually(lambda: _has_mirror(service), timeout=30)
            await eventually(lambda: _is_drained(service), timeout=30)
        (mirror,) = await service.read_topic("complaint.events.dead", 1)
        mirrored = dict(mirror.headers)
        kept = await service.rows("SELECT length(headers ->> 'x_huge') >= 600000 FROM dead_letters")

    assert mirrored["dead_headers"] == b"left out in part"
    assert mirrored["original_x_small"] == b"kept"
    assert "original_x_huge" not in mirrored
    assert mirror.value == b"not JSON"
    assert kept == [(True,)]


async def _has_mirror(service: Toy) -> bool:
    return await service.rows("SELECT 1 FROM outbox WHERE topic = 'complaint.events.dead'") != []
