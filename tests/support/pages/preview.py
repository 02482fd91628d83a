"""An app that shows every page in every state, with a live task feed.

`python -m tests.support.pages.preview FOLDER` writes a screenshot of each, phone and desktop.
"""

import argparse
import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.pages import Pages
from shared.pages.errors import ERRORS
from tests.support.pages import assessment, dispatch, intake, notify
from tests.support.pages.sample import LEADER, NOW, Sample, case_id

SERVICES = Path(__file__).parents[3] / "services"
PREFIXES = {"intake": "", "dispatch": "/dispatch", "assessment": "/assessment", "notify": "/notify"}
SAMPLES = [*intake.SAMPLES, *dispatch.SAMPLES, *assessment.SAMPLES, *notify.SAMPLES]


def service_pages(service: str) -> Pages:
    return Pages(
        SERVICES / service,
        now=lambda: NOW,
        prefix=PREFIXES[service],
        layout="public" if service == "intake" else "staff",
    )


PAGES = {service: service_pages(service) for service in PREFIXES}


def add_sample(app: FastAPI, sample: Sample) -> None:
    @app.get(sample.path)
    async def show(request: Request) -> HTMLResponse:
        return PAGES[sample.service].page(request, sample.template, sample.status, **sample.context)


def add_live_feed(app: FastAPI) -> None:
    feed = PAGES["dispatch"]

    @app.get("/dispatch/tasks/stream", response_class=EventSourceResponse)
    async def stream(state: str) -> AsyncIterator[ServerSentEvent]:
        """A new task, a changed one that is due later than before, one that left the list, new counts."""
        if state == "open":
            changes: list[dict[str, Any]] = [
                {"task": dispatch.task(125, "assigned", -200, "P1")},
                {"task": dispatch.task(122, "completed", 900, "P2")},
                {"gone": case_id(123)},
                {"counts": dispatch.COUNTS | {"open": 9}, "filter": "open", "unit": None},
            ]
            for place, change in enumerate(changes, start=18):
                yield ServerSentEvent(raw_data=feed.fragment("_task_change.html", **change), id=str(place))
        await asyncio.Event().wait()

    @app.post("/dispatch/cases/{complaint_id}/accept")
    async def accept(request: Request, complaint_id: UUID) -> HTMLResponse:
        return feed.page(
            request,
            "_task_change.html",
            task=dispatch.task(complaint_id.int, "accepted", 20, "P1"),
            acted=True,
        )

    @app.post("/dispatch/cases/{complaint_id}/arrive")
    async def arrive(request: Request, complaint_id: UUID) -> HTMLResponse:
        return feed.error(request, 409, f"任务 {complaint_id.int} 已由他人处理。")

    @app.post("/dispatch/cases/{complaint_id}/complete")
    async def complete(request: Request, complaint_id: UUID) -> HTMLResponse:
        return feed.error(request, 401)


def create_app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    add_live_feed(app)
    for sample in SAMPLES:
        add_sample(app, sample)

    @app.get("/preview/{service}/error/{status}")
    async def error(request: Request, service: str, status: int) -> HTMLResponse:
        user = None if service == "intake" else LEADER
        return PAGES[service].error(request, status, request_id="7f3a91c2", user=user)

    for pages in reversed(PAGES.values()):
        pages.mount(app)
    return app


def paths(statuses: Iterable[int] = ERRORS) -> list[str]:
    """Addresses of every sample and of the error pages of `statuses`, public and staff."""
    services = ("intake", "dispatch")
    errors = [f"/preview/{service}/error/{status}" for service in services for status in statuses]
    return [sample.path for sample in SAMPLES] + errors


@contextmanager
def running() -> Iterator[str]:
    """Serve the previews on a free port of 127.0.0.1; gives the address."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def screenshots(folder: Path) -> None:
    from tests.support.browser import DESKTOP, PHONE, browser

    folder.mkdir(parents=True, exist_ok=True)
    with running() as url, browser() as chromium:
        for size in (PHONE, DESKTOP):
            page = chromium.new_page(viewport=size)
            for path in paths():
                page.goto(url + path)
                name = path.removeprefix("/preview/").replace("/", "-")
                page.screenshot(path=folder / f"{name}-{size['width']}.png", full_page=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Screenshots of every sample page, at both sizes.")
    arguments.add_argument("folder", type=Path)
    screenshots(arguments.parse_args().folder)
