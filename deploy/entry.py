"""Where the console script `huiying` begins: it answers for what goes wrong around a command.

Its own imports are few, so that a Ctrl-C while the heavy ones load is met too.
"""

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

from deploy.terminal import INTERRUPTED

__all__ = ["main"]

_CANNOT_WRITE = {errno.ENOSPC: "磁盘已满", errno.EDQUOT: "磁盘配额已用完", errno.EIO: "读写出错"}


def main() -> None:
    """Run the command line. A Ctrl-C ends with 130, a result that cannot be written with 1: one line each."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character gets its code
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run()
        if sys.stdout is not None:  # as after >&-
            sys.stdout.flush()
    except KeyboardInterrupt:
        _complain("已中止")
        code = INTERRUPTED
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        _complain(f"不能写出结果（{_CANNOT_WRITE[error.errno]}）")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left would fail again at the end
        code = 1
    sys.exit(code)


def _run() -> str | int | None:
    try:
        from deploy.cli import main as run  # noqa: PLC0415 - heavy

        run()
    except SystemExit as ended:
        return ended.code
    return 0


def _complain(words: str) -> None:
    with suppress(OSError):
        print(f"错误：{words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
