"""Who leads, and how soon that passes on."""

import asyncio

import pytest

from shared.leader import lead
from tests.support.delivery import toy
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually


async def test_the_server_misses_a_leader_whose_machine_died_within_half_a_minute(
    kafka: str, postgres: PostgresServer
) -> None:
    """It says no goodbye: only the server's own probes end its session, by default after two hours."""
    async with (
        toy(kafka, postgres.create_database(), partitions=1) as service,
        lead(service.dsn, "relay") as term,
    ):
        idle, interval, count, user = [
            int(await term.connection.fetchval("SELECT setting FROM pg_settings WHERE name = $1", name))
            for name in (
                "tcp_keepalives_idle",
                "tcp_keepalives_interval",
                "tcp_keepalives_count",
                "tcp_user_timeout",
            )
        ]

    assert 0 < idle + interval * count <= 30
    assert 0 < user <= 30_000


async def test_a_server_that_does_not_answer_ends_the_term(
    kafka: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.leader._ANSWER_SECONDS", 0.2)
    async with toy(kafka, postgres.create_database(), partitions=1) as service:
        with pytest.raises(TimeoutError):
            async with lead(service.dsn, "relay") as term:
                await term.connection.fetch("SELECT pg_sleep(60)")
        async with asyncio.timeout(30), lead(service.dsn, "relay") as next_term:
            assert next_term.epoch == term.epoch + 1


async def test_the_lock_passes_on_when_the_session_ends(kafka: str, postgres: PostgresServer) -> None:
    async with (
        toy(kafka, postgres.create_database(), partitions=1) as service,
        lead(service.dsn, "relay") as term,
    ):
        pid = term.connection.get_server_pid()
        await service.rows("SELECT pg_terminate_backend($1)", pid)
        await eventually(term.connection.is_closed)
        async with asyncio.timeout(30), lead(service.dsn, "relay") as next_term:
            assert next_term.epoch == term.epoch + 1
