"""The deadline scheduler: one leader among the replicas looks for clocks that have run out."""

import asyncio

from services.dispatch.settings import DispatchSettings
from services.dispatch.usecases.deadlines import LEADER, fire_overdue
from services.dispatch.usecases.reference import Knowledge
from shared.crashpoints import crash_point
from shared.database import DRIVER_ERRORS, is_passing_failure, run_unit
from shared.leader import Leadership, LeadershipLostError, lead
from shared.logs import get_logger
from shared.runtime import Background, Runtime

__all__ = ["deadline_scheduler"]

_log = get_logger(__name__)
_BATCH = 200
_RETRY_SECONDS = 1.0


def deadline_scheduler(settings: DispatchSettings, knowledge: Knowledge) -> Background:
    """Return the background work that fires deadlines, on whichever replica leads."""

    async def run(runtime: Runtime) -> None:
        while True:
            try:
                async with lead(settings.database_url.get_secret_value(), LEADER) as term:
                    _log.info("scheduler_leading", epoch=term.epoch)
                    await _serve(runtime, term, settings.scheduler_seconds, knowledge)
            except (LeadershipLostError, *DRIVER_ERRORS) as error:
                _log.warning("scheduler_interrupted", reason=type(error).__name__)
            except Exception as error:
                if not is_passing_failure(error):
                    raise
                _log.warning("scheduler_interrupted", reason=type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    return run


async def _serve(runtime: Runtime, term: Leadership, pause: float, knowledge: Knowledge) -> None:
    while True:
        term.check()
        fired = await run_unit(
            runtime.sessions,
            lambda session: fire_overdue(session, knowledge, epoch=term.epoch, limit=_BATCH),
        )
        if fired:
            crash_point("scheduler.after_commit")
        else:
            await asyncio.sleep(pause)
