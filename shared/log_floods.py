"""Keeps a library that repeats itself from flooding the log."""

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["LEFT_OUT", "Dam"]

LEFT_OUT = "left_out"
"""Attribute of a line's record: how many like it were left out before it."""
PERIOD = 30.0  # seconds
_MOST_KINDS = 1_000  # a library that puts values into its templates has no end of them


class Dam(logging.Filter):
    """Lets one line per logger, level and template through in a period; others' loggers are not touched."""

    def __init__(
        self, *loggers: str, period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._loggers = frozenset(loggers)
        self._period = period
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is to be written, and note on it how many like it were not."""
        if record.name.partition(".")[0] not in self._loggers:
            return True
        kind = (record.name, record.levelno, str(record.msg))
        now = self._clock()
        with self._lock:
            until, left_out = self._kinds.get(kind, (now, 0))
            if now < until:
                self._kinds[kind] = (until, left_out + 1)
                return False
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            self._kinds[kind] = (now + self._period, 0)
        if left_out:
            setattr(record, LEFT_OUT, left_out)
        return True
