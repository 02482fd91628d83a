"""Where intake is put together."""

from pathlib import Path

from services.intake import api, hotpath, pages, stream
from services.intake.desk import Desk
from services.intake.settings import IntakeSettings
from services.intake.store.reading import has_state
from services.intake.usecases.group_commit import GroupCommit
from shared import logs
from shared.clock import Clock, SystemClock
from shared.edge import Edge
from shared.httpapp import create_http
from shared.pages import Pages
from shared.runtime import Runtime

__all__ = ["create_app", "from_env"]

FOLDER = Path(__file__).parent
_SYSTEM_CLOCK = SystemClock()


def create_app(settings: IntakeSettings, clock: Clock = _SYSTEM_CLOCK) -> Edge:
    """Build one replica; it connects to nothing before its lifespan starts."""
    registrations = GroupCommit(settings.database_url.get_secret_value(), settings.public_url)
    runtime = Runtime(
        "intake",
        settings,
        migrations=FOLDER / "migrations",
        subscriptions=stream.build_router(),
        state_topics=stream.STATE_TOPICS,
        prepared=has_state,
        publish_pause=0.005,
        background=[lambda _runtime: registrations.close_at_end()],
    )
    public = Pages(FOLDER, now=clock.now, layout="public")
    app, edge = create_http(runtime, title="回应 Huiying 登记", prefix="", clock=clock, pages=public)
    app.state.desk = desk = Desk.open(settings, runtime.sessions, registrations, clock)
    hotpath.install(app, edge, desk)
    app.include_router(api.build_router())
    app.include_router(pages.build_router())
    return edge


def from_env() -> Edge:
    """Build a replica from the environment; what uvicorn calls."""
    settings = IntakeSettings.from_env()
    logs.configure("intake", settings.log_level)
    return create_app(settings)
