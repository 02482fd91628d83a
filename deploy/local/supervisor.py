"""Keeps the children of one installation running, and stops them in good order."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from deploy.local.children import Child, ProcessIdentity
from deploy.local.errors import LaunchError

__all__ = ["Supervisor"]

LOOK_EVERY = 0.2  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a restart; doubled each time
HOUR = 3600.0
STEADY = 30.0  # seconds of life after which a child counts as well again


@dataclass(slots=True)
class _Watched:
    child: Child
    started_at: float
    pause: float = FIRST_PAUSE
    restart_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """The children of one installation.

    `record` is told the identities of all living children after every change; `say` gets one Chinese line
    per event a person should see.
    """

    record: Callable[[Mapping[str, ProcessIdentity]], None]
    say: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _watched: dict[str, _Watched] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, child: Child) -> None:
        """Start a child and watch it from now on."""
        child.start()
        with self._lock:
            self._watched[child.name] = _Watched(child, time.monotonic())
            self.record(self.identities())

    def is_alive(self, child: Child) -> Callable[[], bool]:
        """Answer for a wait: whether it still makes sense to wait for this child."""
        return lambda: child.alive and not self.stopping.is_set()

    def identities(self) -> dict[str, ProcessIdentity]:
        """Identity of every living child, in the order they were started."""
        found = {name: each.child.identity() for name, each in self._watched.items()}
        return {name: identity for name, identity in found.items() if identity is not None}

    def watch(self, chore: Callable[[], None]) -> None:
        """Restart children that end, pausing longer each time, until `stopping`; do `chore` hourly."""
        next_chore = time.monotonic() + HOUR
        while not self.stopping.wait(LOOK_EVERY):
            if time.monotonic() > next_chore:
                next_chore = time.monotonic() + HOUR
                chore()
            changed = [self._look_after(each) for each in self._watched.values()]
            if any(changed):
                self.record(self.identities())

    def _look_after(self, watched: _Watched) -> bool:
        """Restart the child if it has ended and its pause is over; return whether anything changed."""
        now = time.monotonic()
        child = watched.child
        if child.alive:
            if watched.pause > FIRST_PAUSE and now - watched.started_at > STEADY:
                watched.pause = FIRST_PAUSE
                self.say(f"{child.label} 已恢复")
            return False
        if watched.restart_at is None:
            watched.restart_at = now + watched.pause
            self.say(f"{child.label} 意外停止，{watched.pause:g} 秒后重新启动（日志：{child.log}）")
            watched.pause = min(watched.pause * 2, LONGEST_PAUSE)
            return True
        if now < watched.restart_at:
            return False
        watched.restart_at = None
        watched.started_at = now
        try:
            child.start()
        except LaunchError as error:
            self.say(error.line())
        return True

    def stop(self) -> None:
        """Stop all children, those of the highest tier first."""
        self.stopping.set()
        children = sorted((each.child for each in self._watched.values()), key=lambda each: -each.tier)
        for _, tier in groupby(children, key=lambda each: each.tier):
            together = list(tier)
            for child in together:
                child.ask_to_stop()
            for child in together:
                child.wait()
        self.record({})
