"""The limits that are HTTP servers: an empty route, and registering as a plain FastAPI program does it.

Both answer POST /api/complaints and /readyz, so that the same load and the same wait serve them and ours.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.database import async_url
from shared.ids import uuid7

__all__ = ["DATABASE", "create_bare", "create_tutorial"]

DATABASE = "BENCH_DATABASE_URL"
REPLY = b'{"complaint_id":"00000000-0000-7000-8000-000000000000","number":"HY-2611-000001-K"}'
START = {
    "type": "http.response.start",
    "status": 201,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(REPLY)).encode())],
}
BODY = {"type": "http.response.body", "body": REPLY}


def create_bare() -> ASGIApp:
    """The server's own speed: the body is read, a fixed reply is sent."""

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        await send(START if scope["method"] == "POST" else {**START, "status": 200})
        await send(BODY)

    return bare


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


class Plain(SQLModel):
    """Base of the plain program's tables."""

    metadata = MetaData()


class PlainComplaint(Plain, table=True):
    """A complaint of the plain program."""

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    text: str
    subject: str | None = None
    location: str | None = None
    name: str | None = None
    phone: str | None = None
    category: str | None = None


class PlainEvent(Plain, table=True):
    """What is to be published about it."""

    id: int | None = Field(default=None, primary_key=True)
    complaint_id: UUID
    body: str


class NewComplaint(BaseModel):
    """A report to register."""

    text: str
    subject: str | None = None
    location: str | None = None
    name: str | None = None
    phone: str | None = None
    category: str | None = None


def create_tutorial() -> FastAPI:
    """A complaint and its outbox row by a SQLModel session per request, as the tutorials show it."""
    engine = create_async_engine(async_url(os.environ[DATABASE]), pool_size=10)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Plain.metadata.create_all)
        yield
        await engine.dispose()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            yield session

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/complaints", status_code=201)
    async def register(
        body: NewComplaint, session: Annotated[AsyncSession, Depends(get_session)]
    ) -> PlainComplaint:
        complaint = PlainComplaint(**body.model_dump())
        session.add(complaint)
        session.add(PlainEvent(complaint_id=complaint.id, body=complaint.model_dump_json()))
        await session.commit()
        return complaint

    @app.get("/readyz")
    async def readyz() -> dict[str, bool]:
        return {"ok": True}

    return app
