"""Entities that travel on state topics: kept whole, the highest version wins.

Every service holds what it has read in `state_entries`; the owner holds its own entries there too and
publishes from them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox
from shared.contracts.envelope import Event, Received
from shared.database import delivery_metadata

__all__ = ["apply", "find", "forget", "list_keys", "load_all", "publish", "state_entries"]

state_entries = sa.Table(
    "state_entries",
    delivery_metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", JSONB, nullable=False),
    sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

S = TypeVar("S", bound=Event)


async def publish(session: AsyncSession, entity: Event, *, source: str, at: datetime) -> None:
    """Keep `entity` as its next version and publish it, in the caller's transaction."""
    values = {
        "topic": entity.topic,
        "key": entity.key,
        "type": entity.type,
        "body": entity.model_dump(mode="json"),
    }
    statement = insert(state_entries).values(**values, version=1)
    statement = statement.on_conflict_do_update(
        index_elements=["topic", "key"],
        set_={
            "version": state_entries.c.version + 1,
            "type": statement.excluded.type,
            "body": statement.excluded.body,
            "applied_at": sa.func.now(),
        },
    )
    version = (await session.execute(statement.returning(state_entries.c.version))).scalar_one()
    await outbox.add(session, outbox.Outgoing(entity, seq=version, occurred_at=at, source=source))


async def apply(session: AsyncSession, received: Sequence[Received[Event]]) -> None:
    """Keep what was read from a state topic, unless a newer version is already here."""
    rows = [
        {
            "topic": one.topic,
            "key": one.key,
            "version": one.seq,
            "type": one.type,
            "body": one.data.model_dump(mode="json"),
        }
        for one in received
        if one.data is not None
    ]
    if not rows:
        return
    statement = insert(state_entries).values(rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["topic", "key"],
            set_={
                "version": statement.excluded.version,
                "type": statement.excluded.type,
                "body": statement.excluded.body,
                "applied_at": sa.func.now(),
            },
            where=state_entries.c.version < statement.excluded.version,
        )
    )


async def load_all(session: AsyncSession, kind: type[S]) -> list[S]:
    """Every entity of one kind, ordered by key."""
    rows = await session.execute(
        sa.select(state_entries.c.body)
        .where(state_entries.c.topic == kind.topic, state_entries.c.type == kind.type)
        .order_by(state_entries.c.key)
    )
    return [kind.model_validate(body) for (body,) in rows]


async def list_keys(session: AsyncSession, kind: type[Event]) -> list[str]:
    """The keys of every entity of one kind, in order."""
    return list(
        await session.scalars(
            sa.select(state_entries.c.key)
            .where(state_entries.c.topic == kind.topic, state_entries.c.type == kind.type)
            .order_by(state_entries.c.key)
        )
    )


async def forget(session: AsyncSession, kind: type[Event], expired: sa.ColumnElement[bool]) -> None:
    """Delete the entities of one kind that nobody needs any more, here alone: the topic keeps them."""
    await session.execute(
        sa.delete(state_entries).where(
            state_entries.c.topic == kind.topic, state_entries.c.type == kind.type, expired
        )
    )


async def find(session: AsyncSession, kind: type[S], key: str) -> S | None:
    """One entity by its key, None where there is none."""
    body = await session.scalar(
        sa.select(state_entries.c.body).where(state_entries.c.topic == kind.topic, state_entries.c.key == key)
    )
    return None if body is None else kind.model_validate(body)
