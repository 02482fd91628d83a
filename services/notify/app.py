"""The composition root of notify: the only place where things are built."""

from pathlib import Path

from services.notify import api, pages
from services.notify.sender import Sender
from services.notify.settings import NotifySettings
from services.notify.stream import build_router
from services.notify.usecases.alerts import is_prepared
from shared import logs
from shared.clock import Clock, SystemClock
from shared.edge import Edge
from shared.httpapp import create_http
from shared.pages import Pages
from shared.runtime import Runtime

__all__ = ["MIGRATIONS", "PREFIX", "create_app", "from_env"]

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
PREFIX = "/notify"


def create_app(settings: NotifySettings, clock: Clock = SystemClock()) -> Edge:  # noqa: B008 - stateless
    """Return notify as an ASGI application; nothing is connected before it starts."""
    runtime = Runtime(
        "notify",
        settings,
        migrations=MIGRATIONS,
        subscriptions=build_router(clock),
        state_topics=("directory.state",),
        prepared=is_prepared,
        background=(Sender(settings, clock).run,),
    )
    app, edge = create_http(
        runtime,
        title="Huiying notify",
        prefix=PREFIX,
        clock=clock,
        pages=Pages(HERE, now=clock.now, prefix=PREFIX),
    )
    app.state.internal_networks = settings.internal_networks
    app.include_router(api.router, prefix=PREFIX)
    app.include_router(pages.router, prefix=PREFIX)
    return edge


def from_env() -> Edge:
    """Return notify as the environment configures it; SettingsError names what is missing."""
    settings = NotifySettings.from_env()
    logs.configure("notify", settings.log_level)
    return create_app(settings)
