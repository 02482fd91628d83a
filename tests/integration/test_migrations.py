"""Each service's migrations go up, agree with its tables, come down and go up again."""

import asyncio
import sys
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.errors import LaunchError
from deploy.migrate import migrate, migrations_folder
from shared import deadletters, inbox, leader, migrations, outbox, state
from shared.database import async_url, delivery_metadata
from shared.delivery_schema import (
    DOWNGRADE_V5,
    UPGRADE_V1,
    UPGRADE_V2,
    UPGRADE_V3,
    UPGRADE_V4,
    UPGRADE_V5,
)
from shared.rows import Columns
from tests.support.infrastructure import PostgresServer

DELIVERY = (deadletters, inbox, leader, outbox, state)  # imported, their tables are described
SERVICES = ("intake", "dispatch", "assessment", "notify")


async def differences(dsn: str, metadata: sa.MetaData) -> list[Any]:
    def compare(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        both = sa.MetaData()
        for source in (metadata, delivery_metadata):
            for table in source.tables.values():
                table.to_metadata(both)
        return list(compare_metadata(context, both))

    engine = create_async_engine(async_url(dsn))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await engine.dispose()


async def tables_of(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows}
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_agree_with_the_tables_and_come_down(service: str, postgres: PostgresServer) -> None:
    dsn = postgres.create_database()
    location = migrations_folder(service)
    metadata = import_module(f"services.{service}.tables").Base.metadata

    await asyncio.to_thread(migrations.upgrade, location, dsn)
    assert await differences(dsn, metadata) == []
    await asyncio.to_thread(migrations.upgrade, location, dsn)

    await asyncio.to_thread(migrations.downgrade, location, dsn)
    assert await tables_of(dsn) == {"alembic_version"}
    await asyncio.to_thread(migrations.upgrade, location, dsn)
    assert await differences(dsn, metadata) == []


async def attributes_of(dsn: str, composite: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "JOIN pg_type ON typrelid = attrelid WHERE typname = $1 AND attnum > 0 ORDER BY attnum",
            composite,
        )
        return [(name, kind) for name, kind in rows]
    finally:
        await connection.close()


def columns_in(package: str) -> list[Columns]:
    """The sets of columns that a package's modules write, as far as they travel in a type of their own."""
    root = import_module(package)
    parts = iter_modules(getattr(root, "__path__", ()))
    modules = [root, *(import_module(f"{package}.{one.name}") for one in parts)]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Columns) and value.composite
    ]


@pytest.mark.parametrize("service", SERVICES)
async def test_the_types_that_rows_travel_in_are_the_columns_written(
    service: str, postgres: PostgresServer
) -> None:
    dsn = postgres.create_database()
    await asyncio.to_thread(migrations.upgrade, migrations_folder(service), dsn)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for columns in {outbox.WRITTEN, *columns_in(f"services.{service}.store")}:
        written = [
            (name, columns.table.c[name].type.compile(dialect=dialect).lower()) for name in columns.names
        ]
        found = await attributes_of(dsn, str(columns.composite))
        assert written == found


async def test_two_runners_at_once_migrate_once(postgres: PostgresServer) -> None:
    dsn = postgres.create_database()
    program = "import sys, pathlib, shared.migrations as m; m.upgrade(pathlib.Path(sys.argv[1]), sys.argv[2])"
    runners = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(migrations_folder("intake")), dsn
        )
        for _ in range(2)
    ]

    assert await asyncio.gather(*(runner.wait() for runner in runners)) == [0, 0]
    assert "outbox" in await tables_of(dsn)


async def test_a_database_of_a_newer_version_is_left_alone_and_named(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {service: postgres.create_database() for service in SERVICES}
    for service, url in urls.items():
        monkeypatch.setenv(f"{service.upper()}_DATABASE_URL", url)
    monkeypatch.setenv("INTAKE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("HUIYING_ADMIN_DATABASE_URL", raising=False)
    for service in ("intake", "dispatch"):
        await asyncio.to_thread(migrations.upgrade, migrations_folder(service), urls[service])
    connection = await asyncpg.connect(urls["dispatch"])
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(LaunchError) as refused:
            await asyncio.to_thread(migrate)
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
        assert await connection.fetchval(others, connection.get_server_pid()) == 0
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()

    assert refused.value.line() == (
        "数据库 huiying_dispatch 已被更新的版本升级过，这个版本不能使用。"
        "请运行更新的版本；要退回旧版本，请恢复升级之前的备份"
    )


OLD_ROW = """
    INSERT INTO outbox (event_id, topic, key, seq, type, headers, published_at, epoch)
    VALUES (gen_random_uuid(), 'complaint.events', 'k', 1, 't', '{}', now() - $1::interval, 7)
"""
NEW_ROW = """
    INSERT INTO outbox (event_id, topic, key, seq, type, headers)
    VALUES (gen_random_uuid(), 'complaint.events', 'k', 1, 't', '{}')
"""


async def test_what_was_published_stays_so_when_that_is_told_apart(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.create_database())
    for statement in (*UPGRADE_V1, *UPGRADE_V2, *UPGRADE_V3, *UPGRADE_V4):
        await connection.execute(statement)
    for days in (40, 3, None, 3):
        await connection.execute(OLD_ROW, None if days is None else timedelta(days=days))

    for statement in UPGRADE_V5:
        await connection.execute(statement)
    await connection.execute(NEW_ROW)  # as the program of the version before writes it
    unpublished = await connection.fetch("SELECT id FROM outbox_unpublished ORDER BY id")
    publications = await connection.fetch(
        "SELECT epoch, first_id, last_id, (now() - published_at)::text FROM outbox_publications ORDER BY id"
    )
    assert [tuple(one) for one in unpublished] == [(3,), (5,)]
    assert [tuple(one)[:3] for one in publications] == [(7, 1, 1), (7, 2, 4)]
    assert [tuple(one)[3].partition(" days")[0] for one in publications] == ["40", "3"]

    for statement in DOWNGRADE_V5:
        await connection.execute(statement)
    await connection.execute(NEW_ROW)
    marked = await connection.fetch("SELECT published_at IS NOT NULL FROM outbox ORDER BY id")
    assert [one for (one,) in marked] == [True, True, False, True, False, False]
    await connection.close()
