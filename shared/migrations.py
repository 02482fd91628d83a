"""Alembic, driven from code: each service's migrations folder against its own database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from shared.database import async_url, delivery_metadata

__all__ = ["NewerDatabaseError", "downgrade", "head", "is_at_head", "run_env", "upgrade"]


class NewerDatabaseError(Exception):
    """The database has had a migration that this version does not know."""


def _config(location: Path, url: str = "") -> Config:
    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(location: Path, url: str) -> None:
    """Bring the database at `url` to the newest migration. Blocking; not to be called on an event loop.

    NewerDatabaseError, with nothing changed, where a newer version has been there before.
    """
    try:
        command.upgrade(_config(location, url), "head")
    except CommandError as error:
        raise NewerDatabaseError(str(error)) from error


def downgrade(location: Path, url: str, revision: str = "base") -> None:
    """Take migrations back to `revision`. Blocking; not to be called on an event loop."""
    command.downgrade(_config(location, url), revision)


def head(location: Path) -> str:
    """Return the newest revision in a migrations folder."""
    newest = ScriptDirectory.from_config(_config(location)).get_current_head()
    if newest is None:
        raise LookupError(f"no migration in {location}")
    return newest


async def is_at_head(session: AsyncSession, newest: str) -> bool:
    """Whether the database has had the migration `newest`; False also where it has had none."""
    if await session.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return False
    return bool(await session.scalar(sa.text("SELECT version_num FROM alembic_version")) == newest)


def run_env(metadata: sa.MetaData | Sequence[sa.MetaData]) -> None:
    """Do what a service's `migrations/env.py` does: run the chosen migrations in one transaction.

    Two runners queue behind an advisory lock.
    """
    own = [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)

    def migrate(connection: sa.Connection) -> None:
        context.configure(
            connection=connection, target_metadata=[*own, delivery_metadata], transaction_per_migration=False
        )
        with context.begin_transaction():
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('huiying-migrate'))"))
            context.run_migrations()

    async def connect() -> None:
        engine = create_async_engine(async_url(context.config.attributes["url"]))
        try:
            async with engine.connect() as connection:
                await connection.run_sync(migrate)
                await connection.commit()
        finally:
            await engine.dispose()

    asyncio.run(connect())
