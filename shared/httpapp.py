"""The HTTP application every service is: edge, errors, health, metrics, dead letters."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from shared import deadletters
from shared.auth import Principal, Verifier, require
from shared.clock import Clock
from shared.contracts.dispatch import Role
from shared.database import SessionDep
from shared.edge import Edge
from shared.logs import get_logger
from shared.pages import Pages
from shared.problems import Problem, install
from shared.runtime import Runtime

__all__ = ["create_http"]

_log = get_logger(__name__)

_GC_THRESHOLDS = (200_000, 20, 100)
"""A batch makes many objects that live as long as it does: looking at them again and again frees nothing."""

Administrator = Annotated[Principal, Depends(require(Role.ADMINISTRATOR))]


def create_http(
    runtime: Runtime, *, title: str, prefix: str, clock: Clock, pages: Pages | None
) -> tuple[FastAPI, Edge]:
    """Return the FastAPI app to add routes to, and the ASGI app to serve (the same within its edge).

    Routes find `sessions`, `clock`, `verifier`, `runtime`, `pages` and `public_url` on `app.state`.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with runtime.running():
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            yield

    app = FastAPI(
        title=title,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{prefix}/api/openapi.json",
    )
    app.state.runtime = runtime
    app.state.sessions = runtime.sessions
    app.state.clock = clock
    app.state.verifier = Verifier(runtime.sessions, clock)
    app.state.pages = pages
    app.state.public_url = runtime.settings.public_url
    answer_error = install(app, pages)
    app.include_router(_health(runtime))
    app.include_router(_dead_letters(), prefix=f"{prefix}/api/dead-letters")
    if pages is not None:
        pages.mount(app)
    edge = Edge(app, service=runtime.service, metrics=runtime.metrics, answer_error=answer_error)
    return app, edge


def _health(runtime: Runtime) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, bool]:
        return {"ok": True}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        problems = await runtime.problems()
        return JSONResponse({"ok": not problems, "problems": problems}, 503 if problems else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        await runtime.measure()
        return Response(generate_latest(runtime.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


class Discard(BaseModel):
    """Why a dead letter is given up."""

    reason: str = Field(min_length=1, max_length=500)


def _dead_letters() -> APIRouter:
    router = APIRouter(tags=["dead letters"])

    @router.get("")
    async def list_dead_letters(session: SessionDep, _who: Administrator) -> list[dict[str, Any]]:
        return [asdict(letter) for letter in await deadletters.list_open(session)]

    @router.get("/{letter_id}")
    async def show_dead_letter(letter_id: UUID, session: SessionDep, who: Administrator) -> dict[str, Any]:
        found = await deadletters.find(session, letter_id)
        if found is None:
            raise Problem(404, "没有这条死信")
        letter, raw = found
        # It may hold what a complainant said: who looked is kept.
        _log.info("dead_letter_shown", letter_id=str(letter_id), by=str(who.person_id))
        body = (raw.value or b"").decode("utf-8", "backslashreplace")
        return asdict(letter) | {"headers": dict(raw.headers), "body": body}

    @router.post("/{letter_id}/replay", status_code=202)
    async def replay_dead_letter(letter_id: UUID, session: SessionDep, who: Administrator) -> dict[str, str]:
        try:
            await deadletters.replay(session, letter_id, by=str(who.person_id))
        except deadletters.SettleError as error:
            raise Problem(409, str(error)) from None
        return {"state": "replayed"}

    @router.post("/{letter_id}/discard", status_code=202)
    async def discard_dead_letter(
        letter_id: UUID, body: Discard, session: SessionDep, who: Administrator
    ) -> dict[str, str]:
        try:
            await deadletters.discard(session, letter_id, by=str(who.person_id), reason=body.reason)
        except deadletters.SettleError as error:
            raise Problem(409, str(error)) from None
        return {"state": "discarded"}

    return router
