"""The one kind of error that a person who starts an installation should see."""

import errno
from collections.abc import Mapping
from typing import Final

from shared.sentences import sentence

__all__ = ["LaunchError", "cause_of"]

_CAUSES: Final[Mapping[int, str]] = {
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EEXIST: "已有同名的文件",
    errno.ENOTDIR: "路径中有一段是文件，不是文件夹",
    errno.EISDIR: "是文件夹，不是文件",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "磁盘配额已用完",
    errno.EROFS: "所在的磁盘只能读",
    errno.ENAMETOOLONG: "名称太长",
    errno.EIO: "磁盘读写出错",
    errno.ELOOP: "链接绕成了圈",
}


class LaunchError(Exception):
    """Something the person can mend: the problem, and in `advice` what to do (Chinese, one line each).

    `exit_code` is what a command ends with.
    """

    exit_code = 1

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.advice = advice

    def line(self) -> str:
        """Problem and advice as one line for the terminal."""
        return sentence(str(self)) + self.advice if self.advice else str(self)


def cause_of(error: OSError) -> str:
    """Why the system refused, in Chinese; in its own words where the reason is a rare one."""
    return _CAUSES.get(error.errno or 0) or error.strerror or type(error).__name__
