"""The processes that a killed launcher left behind: recognised, and ended in good order.

`running.json` in the data folder names them by pid and start time. The few that were started in the instant
before they could be noted carry the installation's id in their environment.
"""

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil

from deploy.local.children import ProcessIdentity
from deploy.local.places import write_private

__all__ = ["MARK", "STORES", "UNNAMED", "reclaim", "record_running"]

MARK = "HUIYING_INSTALLATION"  # environment variable of every process of an installation
RUNNING = "running.json"
STORES = {"kafka": signal.SIGTERM, "postgres": signal.SIGINT}
UNNAMED = "other"
LIMIT = 20.0  # seconds an orphan has to end by itself


def record_running(data_dir: Path, processes: Mapping[str, ProcessIdentity]) -> None:
    """Note which processes belong to the installation in `data_dir`."""
    write_private(data_dir / RUNNING, {name: asdict(identity) for name, identity in processes.items()})


def reclaim(data_dir: Path, installation: str) -> list[str]:
    """End what runs of an installation whose launcher is gone, and return the names.

    Kafka and PostgreSQL end last. No process is touched but those recorded (same pid, same start time) and
    those marked with the installation's id.
    """
    orphans = {name: each for name, each in _recorded(data_dir).items() if each.process()}
    marked = _marked(installation, known={each.pid for each in orphans.values()})
    if not orphans and not marked:
        return []
    _end([each for name, each in orphans.items() if name not in STORES], signal.SIGTERM)
    for name, how in STORES.items():
        _end([each for each in (orphans.get(name),) if each], how)
    _end([each for each, is_store in marked if not is_store], signal.SIGTERM)
    _end([each for each, is_store in marked if is_store], STORES["postgres"])
    record_running(data_dir, {})
    return [*orphans, *([UNNAMED] if marked else [])]


def _recorded(data_dir: Path) -> dict[str, ProcessIdentity]:
    try:
        content = json.loads((data_dir / RUNNING).read_text(encoding="utf-8"))
        return {name: ProcessIdentity(**each) for name, each in content.items()}
    except (OSError, ValueError, TypeError):
        return {}


def _marked(installation: str, known: set[int]) -> list[tuple[ProcessIdentity, bool]]:
    """The topmost marked processes that are not known yet, each with whether it is a PostgreSQL server."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == installation:
                found[process.pid] = process
    orphans = []
    for pid, process in found.items():
        with suppress(psutil.Error):
            if pid not in known and process.ppid() not in known | found.keys():
                orphans.append((ProcessIdentity.of(pid), process.name() == "postgres"))
    return orphans


def _end(orphans: Sequence[ProcessIdentity], how: signal.Signals) -> None:
    """Ask them all to end and wait; kill those that do not end in time."""
    _signal(orphans, how)
    give_up = time.monotonic() + LIMIT
    while any(each.process() for each in orphans):
        if time.monotonic() > give_up:
            _signal(orphans, signal.SIGKILL)
        time.sleep(0.02)


def _signal(orphans: Sequence[ProcessIdentity], how: signal.Signals) -> None:
    for each in orphans:
        process = each.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(how)
