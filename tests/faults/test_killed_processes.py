"""Processes killed in the middle of an import and of live registrations: nothing is lost, nothing twice."""

import signal

import psutil
import pytest

from deploy.auditor.kafka_log import Kafka
from deploy.databases import SERVICES
from tests.support.trials import PATIENT, Breakable, Trial
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", [*SERVICES, "kafka", "postgres"])
async def test_a_killed_process_loses_nothing(trial: Trial, name: str) -> None:
    launched = trial.installation
    killed = launched.descriptor.pids[name]

    await trial.run(lambda: launched.kill(name))

    assert launched.descriptor.pids[name] != killed


async def test_killed_database_sessions_lose_nothing(trial: Trial) -> None:
    """PostgreSQL throws out every session and recovers when one of its own processes dies."""
    postmaster = psutil.Process(trial.installation.descriptor.pids["postgres"])

    def hurt() -> None:
        sessions = [child for child in postmaster.children() if _serves_a_service(child)]
        assert sessions
        sessions[0].kill()

    await trial.run(hurt)

    assert trial.installation.descriptor.pids["postgres"] == postmaster.pid


def _serves_a_service(process: psutil.Process) -> bool:
    try:
        return "huiying_" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # or a zombie: it ended while we looked
        return False


async def test_a_killed_launcher_loses_nothing(trial: Trial) -> None:
    launched = trial.installation

    def hurt() -> None:
        left_behind = set(launched.descriptor.pids.values())
        launched.stop(signal.SIGKILL)
        launched.descriptor_file.unlink()
        launched.start()
        assert not left_behind & set(launched.descriptor.pids.values())

    await trial.run(hurt)


async def test_a_relay_killed_between_produce_and_mark_has_no_effect_twice(trial: Trial) -> None:
    launched = trial.installation
    armed = launched.crash_folder / "relay.after_produce"
    repeated = await _repeated_events(launched)

    async def hurt() -> None:
        armed.touch()
        await eventually(lambda: not armed.exists(), PATIENT)

    await trial.run(hurt)

    assert await _repeated_events(launched) > repeated


async def _repeated_events(launched: Breakable) -> int:
    """Records in the log that repeat an earlier one."""
    log = await Kafka(launched.descriptor.kafka).read(now_ms=0)
    return len(log.records) - len({record.event_id for record in log.records})
