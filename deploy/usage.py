"""What was wrong with a command line, in Chinese: the library that reads it speaks English only."""

import re
from collections.abc import Callable
from typing import Final

__all__ = ["in_chinese"]

_Phrase = tuple[str, str | Callable[["re.Match[str]"], str]]


def _one_of(found: "re.Match[str]") -> str:
    choices = "、".join(re.findall(r"[\w-]+", found[2]))
    return f"{found[1]} 只能是：{choices}"


def _similar(found: "re.Match[str]") -> str:
    return f"没有选项 {found[1]}，相近的有：{found[2].replace(', ', '、')}"


def _similar_commands(found: "re.Match[str]") -> str:
    commands = "、".join(re.findall(r"[\w-]+", found[2]))
    return f"没有命令 {found[1]}，相近的有：{commands}"


_PHRASES: Final[tuple[_Phrase, ...]] = (
    (r"Missing command\.", "缺少命令"),
    (r"No such command ['\"](.+)['\"]\. Did you mean (.+)\?", _similar_commands),
    (r"No such command ['\"](.+)['\"]\.", r"没有命令 \1"),
    (r"No such option: (\S+) \(Possible options: (.+)\)", _similar),
    (r"No such option: (\S+)", r"没有选项 \1"),
    (r"Missing argument '(.+?)'\. Choose from:(.+)", _one_of),
    (r"Missing argument '(.+?)'\.", r"缺少参数 \1"),
    (r"Missing option '(.+?)'\.", r"缺少选项 \1"),
    (r"Option '(.+?)' requires an argument\.", r"选项 \1 后面缺少值"),
    (r"Option '(.+?)' does not take a value\.", r"选项 \1 不带值"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", r"多出的参数：\1"),
    (r"Invalid value for '(.+?)': Input should be a valid integer.*", r"\1 应为整数"),
    (r"Invalid value for '(.+?)': Input should be greater than or equal to (\S+)", r"\1 不能小于 \2"),
    (r"Invalid value for '(.+?)': Input should be less than or equal to (\S+)", r"\1 不能大于 \2"),
    (
        r"Invalid value for '(.+?)': Input should be a valid UUID.*",
        r"\1 不是编号，编号形如 01920f2e-….-….-….-…………",
    ),
    (r"Invalid value for '(.+?)': .*is not one of (.+)\.", _one_of),
)


def in_chinese(message: str) -> str:
    """The message as a person here reads it; one that is not known stays as it is."""
    for pattern, phrase in _PHRASES:
        found = re.fullmatch(pattern, message.strip(), re.DOTALL)
        if found:
            return found.expand(phrase) if isinstance(phrase, str) else phrase(found)
    return message
