"""Named points where a fault test may kill this very process, to hit a window exactly.

Armed by `HUIYING_CRASH_AT=<name>` (first hit) or `<name>:<n>` (n-th hit); otherwise a point does nothing.
"""

import os
import signal

__all__ = ["crash_point"]

_ARMED, _, _NTH = os.environ.get("HUIYING_CRASH_AT", "").partition(":")
_hits = 0


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if the point is armed and its turn has come."""
    global _hits  # noqa: PLW0603 - a process has one armed point
    if name != _ARMED:
        return
    _hits += 1
    if _hits >= int(_NTH or 1):
        os.kill(os.getpid(), signal.SIGKILL)
