"""Named points where a fault test may kill this very process, to hit a window exactly.

Armed by `HUIYING_CRASH_AT=<name>` (first hit) or `<name>:<n>` (n-th hit) for the life of a process. For
processes that a supervisor starts again, a file `<name>` in the folder `HUIYING_CRASH_FOLDER` arms a point:
whoever hits it first removes the file and dies, so it is hit once, and a test sees that it was. Otherwise a
point does nothing.
"""

import os
import signal
from pathlib import Path

__all__ = ["crash_point"]

_ARMED, _, _NTH = os.environ.get("HUIYING_CRASH_AT", "").partition(":")
_FOLDER = os.environ.get("HUIYING_CRASH_FOLDER", "")
_hits = 0


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if the point is armed and its turn has come."""
    if (name == _ARMED and _is_turn()) or (_FOLDER and _claim(name)):
        os.kill(os.getpid(), signal.SIGKILL)


def _is_turn() -> bool:
    global _hits  # noqa: PLW0603 - a process has one armed point
    _hits += 1
    return _hits >= int(_NTH or 1)


def _claim(name: str) -> bool:
    """Take the file that arms the point; only one process gets it."""
    try:
        Path(_FOLDER, name).unlink()
    except OSError:
        return False
    return True
