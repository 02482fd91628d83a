"""The composition root of assessment: the only place where things are built."""

from pathlib import Path

from services.assessment import api, pages
from services.assessment.settings import AssessmentSettings
from services.assessment.stream import STATE_TOPICS, build_router
from services.assessment.usecases.books import Books, is_prepared
from shared import logs
from shared.clock import Clock, SystemClock
from shared.edge import Edge
from shared.httpapp import create_http
from shared.pages import Pages
from shared.runtime import Runtime

__all__ = ["MIGRATIONS", "PREFIX", "create_app", "from_env"]

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
PREFIX = "/assessment"


def create_app(settings: AssessmentSettings, clock: Clock = SystemClock()) -> Edge:  # noqa: B008 - stateless
    """Return assessment as an ASGI application; nothing is connected before it starts."""
    books = Books()
    runtime = Runtime(
        "assessment",
        settings,
        migrations=MIGRATIONS,
        subscriptions=build_router(clock, books),
        state_topics=STATE_TOPICS,
        prepared=is_prepared,
    )
    app, edge = create_http(
        runtime,
        title="Huiying assessment",
        prefix=PREFIX,
        clock=clock,
        pages=Pages(HERE, now=clock.now, prefix=PREFIX),
    )
    app.state.books = books
    for router in (api.router, *pages.ROUTERS):
        app.include_router(router, prefix=PREFIX)
    return edge


def from_env() -> Edge:
    """Return assessment as the environment configures it; SettingsError names what is missing."""
    settings = AssessmentSettings.from_env()
    logs.configure("assessment", settings.log_level)
    return create_app(settings)
