"""The composition root of dispatch: the only place where things are built."""

from pathlib import Path

from fastapi import APIRouter

from services.dispatch.api import accounts, answers, cases, feed
from services.dispatch.feed import CardMaker, Hub
from services.dispatch.pages import ROUTERS as PAGES
from services.dispatch.scheduler import deadline_scheduler
from services.dispatch.settings import DispatchSettings
from services.dispatch.stream import build_router
from services.dispatch.usecases.reference import Knowledge, is_prepared
from services.dispatch.usecases.signing_in import SignInDesk
from shared import logs
from shared.clock import Clock, SystemClock
from shared.edge import Edge
from shared.httpapp import create_http
from shared.pages import Pages
from shared.runtime import Background, Runtime

__all__ = ["MIGRATIONS", "PREFIX", "create_app", "from_env"]

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
PREFIX = "/dispatch"

ROUTERS: tuple[APIRouter, ...] = (accounts.router, answers.router, cases.router, feed.router, *PAGES)


def create_app(settings: DispatchSettings, clock: Clock = SystemClock()) -> Edge:  # noqa: B008 - stateless
    """Return dispatch as an ASGI application; nothing is connected before it starts."""
    hub = Hub(settings.database_url.get_secret_value())
    knowledge = Knowledge()
    background: tuple[Background, ...] = (hub.run, hub.attend, deadline_scheduler(settings, knowledge))
    runtime = Runtime(
        "dispatch",
        settings,
        migrations=MIGRATIONS,
        subscriptions=build_router(clock, knowledge),
        state_topics=("rulebook.state",),
        prepared=is_prepared,
        background=background,
        consume_pause=0.0,
    )
    pages = Pages(HERE, now=clock.now, prefix=PREFIX)
    app, edge = create_http(runtime, title="Huiying dispatch", prefix=PREFIX, clock=clock, pages=pages)
    app.state.knowledge = knowledge
    app.state.feed = hub
    app.state.cards = CardMaker(pages, knowledge, clock)
    app.state.sign_in_desk = SignInDesk(runtime.sessions, clock)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    return edge


def from_env() -> Edge:
    """Return dispatch as the environment configures it; SettingsError names what is missing."""
    settings = DispatchSettings.from_env()
    logs.configure("dispatch", settings.log_level)
    return create_app(settings)
