"""The consumer: poison is isolated, duplicates and order do not matter, nothing is skipped or blocked."""

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

import shared.broker
import shared.inlet
from shared import deadletters
from shared.consume import state_subscription, take
from shared.contracts.envelope import Event, Received
from shared.database import run_unit, transaction
from shared.inlet import Inlet
from shared.metrics import Metrics
from shared.wire import Envelope, Poison, RawRecord, read_envelope
from tests.support.delivery import Toy, accepted, content, headers, registered, toy
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

LIMIT = 60


async def _committed(service: Toy, topic: str, records: int) -> bool:
    return await service.committed(topic) == records


async def test_five_forms_of_poison_among_eight_become_dead_letters_and_the_rest_goes_on(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        good = [uuid4() for _ in range(3)]
        await service.send([(content(one), 1) for one in good])
        spoiled = registered(uuid4())
        key, body, fine = spoiled.key.encode(), spoiled.to_json(), headers(spoiled, 1)
        unknown = [
            (name, b"complaint.registered.v99" if name == "ce_type" else value) for name, value in fine
        ]
        topic = "complaint.events"
        await service.produce(
            [
                (topic, good[0].bytes.hex().encode(), b"not json", fine),
                (
                    topic,
                    str(good[0]).encode(),
                    registered(good[0]).to_json(),
                    headers(registered(good[0]), 1),
                ),
                (topic, key, body, [*fine, ("trace", b"\xff\xfe binary")]),
                (topic, key, b"", fine),
                (
                    topic,
                    str(good[1]).encode(),
                    registered(good[1]).to_json(),
                    headers(registered(good[1]), 1),
                ),
                (topic, key, body, unknown),
                (topic, None, body, fine),
                (
                    topic,
                    str(good[2]).encode(),
                    registered(good[2]).to_json(),
                    headers(registered(good[2]), 1),
                ),
            ]
        )
        async with service.consuming():
            await eventually(lambda: _committed(service, topic, 8), timeout=LIMIT)
            await eventually(lambda: _has_effects(service, 6), timeout=LIMIT)
        reasons = await service.rows("SELECT reason, kafka_offset FROM dead_letters ORDER BY kafka_offset")
        effects = [key for name, key, _ in await service.effects() if name == topic]
        assert sorted(effects) == sorted(str(one) for one in good)
        assert [offset for _, offset in reasons] == [0, 2, 3, 5, 6]
        assert [reason for reason, _ in reasons] == ["payload", "header", "empty", "type", "key"]
        mirrored = await service.rows("SELECT count(*) FROM outbox WHERE topic = 'complaint.events.dead'")
        assert mirrored == [(5,)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * 900_000, id="nearly a megabyte"),
        pytest.param(b"[" * 100_000, id="a hundred thousand levels deep"),
        pytest.param(b'{"text": "a\\u0000b"}', id="a NUL"),
        pytest.param(b'{"text": "\\ud800"}', id="a lone surrogate"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b'{"complaint_id": 7}', id="wrong types"),
    ],
)
async def test_a_poisonous_payload_is_one_dead_letter(
    kafka: str, postgres: PostgresServer, body: bytes
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        event = content(uuid4())
        await service.produce([(event.topic, event.key.encode(), body, headers(event, 1))])
        following = uuid4()
        await service.send([(content(following), 1)])
        async with service.consuming():
            await eventually(lambda: _committed(service, event.topic, 2), timeout=LIMIT)
        assert await service.effects() == [(event.topic, str(following), 1)]
        assert await service.rows("SELECT reason FROM dead_letters") == [("payload",)]


async def test_events_of_five_in_any_order_and_twice_have_one_effect_each_in_order(
    kafka: str, postgres: PostgresServer
) -> None:
    """All 120 orders of one complaint's five events, each complaint's sent with a duplicate at the end."""
    async with toy(kafka, postgres.create_database()) as service:
        sent: list[tuple[Event, int]] = []
        orders = list(permutations(range(5)))
        for order in orders:
            complaint = uuid4()
            events: Sequence[tuple[Event, int]] = [
                (content(complaint), 1),
                (registered(complaint), 1),
                (accepted(complaint), 1),
                (accepted(complaint), 2),
                (accepted(complaint), 3),
            ]
            sent += [events[place] for place in order]
            sent.append(events[order[0]])
        await service.send(sent)
        async with service.consuming():
            await eventually(lambda: _has_effects(service, 5 * len(orders)), timeout=LIMIT)
        effects = await service.effects()
        assert len(effects) == len(set(effects)) == 5 * len(orders)
        for key in {key for _, key, _ in effects}:
            mine = [(topic, seq) for topic, each, seq in effects if each == key]
            assert mine[:2] == [("complaint.content", 1), ("complaint.events", 1)]
            assert mine[2:] == [("assignment.events", seq) for seq in (1, 2, 3)]
        assert await service.count("pending_events") == 0
        assert await service.count("dead_letters") == 0


async def _has_effects(service: Toy, count: int) -> bool:
    return await service.count("effects") >= count


async def test_a_full_replay_changes_nothing(kafka: str, postgres: PostgresServer) -> None:
    async with toy(kafka, postgres.create_database()) as service:
        complaints = [uuid4() for _ in range(40)]
        await service.send([(content(one), 1) for one in complaints])
        await service.send([(registered(one), 1) for one in complaints])
        async with service.consuming():
            await eventually(lambda: _has_effects(service, 80), timeout=LIMIT)
        before = await service.effects()
        records = await service.read_topic("complaint.content", 40)
        records += await service.read_topic("complaint.events", 40)
        for record in records:
            record.topic = record.topic.removeprefix(service.prefix)
        await service.inlet.settle(records)
        assert await service.effects() == before


async def test_a_dead_letter_holds_its_own_complaint_only_until_it_is_replayed(
    kafka: str, postgres: PostgresServer
) -> None:
    ill, well = uuid4(), uuid4()
    cured: list[bool] = []

    def judge(event: Received[Any]) -> None:
        if event.key == str(ill) and event.topic == "assignment.events" and event.seq == 1 and not cured:
            raise Poison("illegal", "not possible today")

    async with toy(kafka, postgres.create_database(), partitions=1, judge=judge) as service:
        for complaint in (ill, well):
            await service.send([(content(complaint), 1), (registered(complaint), 1)])
        await service.send([(accepted(ill), 1), (accepted(well), 1), (accepted(ill), 2), (accepted(well), 2)])
        async with service.consuming():
            await eventually(lambda: _committed(service, "assignment.events", 4), timeout=LIMIT)
            await eventually(lambda: _has_effects(service, 6), timeout=LIMIT)
        assigned = [(key, seq) for topic, key, seq in await service.effects() if topic == "assignment.events"]
        assert assigned == [(str(well), 1), (str(well), 2)]
        assert await service.count("pending_events") == 1

        ((letter,),) = await service.rows("SELECT id FROM dead_letters")
        cured.append(True)
        async with transaction(service.sessions) as session:
            await deadletters.replay(session, letter, by="tester")
        await eventually(lambda: _swept_to(service, 8), timeout=LIMIT)
        assigned = [(key, seq) for topic, key, seq in await service.effects() if key == str(ill)]
        assert assigned[-2:] == [(str(ill), 1), (str(ill), 2)]


async def _has_dead_letter(service: Toy) -> bool:
    return await service.count("dead_letters") == 1


async def _swept_to(service: Toy, effects: int) -> bool:
    await service.inlet.sweep()
    return await service.count("effects") == effects and await service.count("pending_events") == 0


async def test_replicas_of_other_topics_leave_what_waits_to_those_who_take_it(
    kafka: str, postgres: PostgresServer
) -> None:
    """A service has two inlets on one database; the one that sweeps first must not use up the try."""
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        complaint = uuid4()
        await service.send([(registered(complaint), 1)])
        async with service.consuming():
            await eventually(lambda: _committed(service, "complaint.events", 1), timeout=LIMIT)
        assert await service.count("pending_events") == 1
        await service.rows(
            "INSERT INTO effects (topic, key, seq) VALUES ('complaint.content', $1, 1)", str(complaint)
        )
        await service.rows("UPDATE pending_events SET tried_at = now() - interval '1 minute'")

        others = Inlet("toy", service.sessions, [state_subscription("directory.state")], Metrics())
        await others.sweep()
        await service.inlet.sweep()

        assert await service.count("pending_events") == 0


async def test_a_sweep_and_a_batch_of_the_same_keys_never_wait_for_each_other(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        take_in = partial(_take_in, service)
        for _ in range(15):
            key = uuid4()
            waiting = [_envelope(accepted(key), 1), _envelope(registered(key), 1)]
            await take_in(waiting, key)
            await asyncio.gather(take_in((), key), take_in([_envelope(registered(key), 2)], key))
            await take_in([_envelope(content(key), 1)], key)
        assert await service.count("pending_events") == 0
        assert await service.count("effects") == 15 * 4
        numbers = await service.rows("SELECT topic, last_seq, count(*) FROM inbox GROUP BY 1, 2 ORDER BY 1")
        assert numbers == [
            ("assignment.events", 1, 15),
            ("complaint.content", 1, 15),
            ("complaint.events", 2, 15),
        ]


def _envelope(event: Event, seq: int) -> Envelope:
    told = {name: value.decode() for name, value in headers(event, seq)}
    envelope = read_envelope(RawRecord(event.topic, 0, seq, event.key.encode(), told, event.to_json()))
    assert isinstance(envelope, Envelope)
    return envelope


async def _take_in(service: Toy, envelopes: Sequence[Envelope], key: UUID) -> None:
    await run_unit(
        service.sessions,
        lambda session: take(session, service.inlet._subscriptions, envelopes, follow={str(key)}),
    )


async def test_offsets_of_partitions_that_all_went_elsewhere_are_dropped(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        await service.send([(content(uuid4()), 1)])
        records = await service.read_topic("complaint.content", 1)
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=f"{service.prefix}toy")
        async with consumer:
            consumer.assign([TopicPartition(f"{service.prefix}complaint.events", 0)])
            service.inlet.note(consumer, records)
            await service.inlet.acknowledge()
        assert await service.committed("complaint.content") == 0


async def test_a_batch_that_cannot_even_be_buried_is_taken_again(
    kafka: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.broker, "_PAUSE_AFTER_FAILURE", 0.5)
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        first, second = uuid4(), uuid4()
        settle, failed = service.inlet.settle, list[bool]()

        async def fail_once(records: Any) -> None:
            if not failed:
                failed.append(True)
                raise RuntimeError("nobody expected this")
            await settle(records)

        monkeypatch.setattr(service.inlet, "settle", fail_once)
        await service.send([(content(first), 1)])
        async with service.consuming():
            await eventually(lambda: service.inlet.holding, timeout=LIMIT)
            await service.send([(content(second), 1)])
            await eventually(lambda: _committed(service, "complaint.content", 2), timeout=LIMIT)
        assert [key for _, key, _ in await service.effects()] == [str(first), str(second)]
        assert service.inlet.holding is None


async def test_a_discarded_dead_letter_lets_its_complaint_go_on(kafka: str, postgres: PostgresServer) -> None:
    complaint = uuid4()

    def judge(event: Received[Any]) -> None:
        if event.topic == "assignment.events" and event.seq == 1:
            raise Poison("illegal", "never possible")

    async with toy(kafka, postgres.create_database(), partitions=1, judge=judge) as service:
        await service.send([(content(complaint), 1), (registered(complaint), 1)])
        await service.send([(accepted(complaint), 1), (accepted(complaint), 2)])
        async with service.consuming():
            await eventually(lambda: _committed(service, "assignment.events", 2), timeout=LIMIT)
            await eventually(lambda: _has_dead_letter(service), timeout=LIMIT)
        ((letter,),) = await service.rows("SELECT id FROM dead_letters")
        with pytest.raises(deadletters.SettleError, match="原因"):
            async with transaction(service.sessions) as session:
                await deadletters.discard(session, letter, by="tester", reason=" ")
        async with transaction(service.sessions) as session:
            await deadletters.discard(session, letter, by="tester", reason="重复导入")
        await eventually(lambda: _swept_to(service, 3), timeout=LIMIT)
        assert (await service.effects())[-1] == ("assignment.events", str(complaint), 2)
        with pytest.raises(deadletters.SettleError, match="处理过"):
            async with transaction(service.sessions) as session:
                await deadletters.replay(session, letter, by="tester")


async def test_a_database_that_goes_away_holds_the_consumer_and_loses_nothing(
    kafka: str, postgres: PostgresServer
) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        name = service.dsn.rsplit("/", 1)[1]
        await service.rows(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        complaint = uuid4()
        await service.send([(content(complaint), 1)])
        async with service.consuming():
            await eventually(lambda: service.inlet.holding, timeout=LIMIT)
            assert await service.committed("complaint.content") == 0
            await _make_writable(service, name)
            await eventually(lambda: _committed(service, "complaint.content", 1), timeout=LIMIT)
        assert await service.effects() == [("complaint.content", str(complaint), 1)]
        assert await service.count("dead_letters") == 0
        assert service.inlet.holding is None


async def _make_writable(service: Toy, name: str) -> None:
    connection = await asyncpg.connect(service.dsn, server_settings={"default_transaction_read_only": "off"})
    await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


async def test_a_commit_that_hangs_is_given_up_and_made_again(
    kafka: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.inlet, "_COMMIT_SECONDS", 0.3)
    commit, hanging = AIOKafkaConsumer.commit, [asyncio.Event(), asyncio.Event()]

    async def dead_at_first(self: AIOKafkaConsumer, offsets: Any = None) -> None:
        if hanging:
            await hanging.pop().wait()
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", dead_at_first)
    async with toy(kafka, postgres.create_database(), partitions=1) as service, service.consuming():
        await service.send([(content(uuid4()), 1)])
        await eventually(lambda: _committed(service, "complaint.content", 1), timeout=LIMIT)
        assert not hanging
        assert service.inlet.noted_at is None


async def test_what_stands_still_is_named_after_a_while(kafka: str, postgres: PostgresServer) -> None:
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        inlet = service.inlet

        def look(lag: int | None) -> str | None:
            inlet.excuse(lag)
            return inlet.find_stuck(lag, 60)

        inlet.progressed_at -= 100
        assert look(3) == "consumer_stuck"
        inlet.holding = "OperationalError"
        assert look(3) is None
        inlet.holding, inlet.busy = None, True
        assert look(0) == "consumer_stuck"
        inlet.busy = False
        assert look(0) is None
        assert look(3) is None

        inlet.noted_at = inlet.progressed_at - 100
        assert look(0) == "offsets_stuck"
        assert look(None) is None
        assert look(0) is None
