"""Rules of accounts: which passwords are good enough, who belongs to a unit, where a sign-in may lead."""

import re
from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "COMPANY_ROLES",
    "HOME",
    "LONGEST_PASSWORD",
    "SHORTEST_PASSWORD",
    "UNIT_ROLES",
    "account_problem",
    "local_path",
    "normal_account",
    "password_problem",
    "unit_problem",
]

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 128
HOME: Final = "/dispatch/tasks"
UNIT_ROLES: Final = frozenset({"unit_member", "unit_leader"})
COMPANY_ROLES: Final = frozenset({"operator", "office", "company_leader", "administrator"})

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._@-]{1,49}")
_COMMON = (
    "password", "passw0rd", "qwerty", "asdfgh", "zxcvbn", "1qaz2wsx", "qazwsx", "abc123", "abcd1234",
    "iloveyou", "woaini", "admin", "administrator", "welcome", "letmein", "dragon", "monkey",
    "huiying", "houqin", "mima", "888888", "666666", "520520", "5201314", "1314520", "123123", "112233",
    "a123456", "q123456", "aa123456", "123456", "654321", "111111", "000000",
)  # fmt: skip
_RUNS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)
_FEWEST_CHARACTERS = 5


def normal_account(text: str) -> str:
    """Return an account as it is kept and compared: without outer spaces, in lower case."""
    return text.strip().lower()


def account_problem(account: str) -> str | None:
    """What is wrong with a new account's name, in Chinese; None where nothing is."""
    if _ACCOUNT.fullmatch(account):
        return None
    return "账号用 2 到 50 个小写字母、数字或 . _ @ - 组成，以字母或数字开头"


def password_problem(password: str, account: str) -> str | None:
    """What is wrong with a password that a person chose, in Chinese; None where nothing is.

    At least 12 characters; not made of well-known passwords, keyboard rows or the account itself.
    """
    if len(password) < SHORTEST_PASSWORD:
        return f"密码太短，至少 {SHORTEST_PASSWORD} 个字符"
    if len(password) > LONGEST_PASSWORD:
        return f"密码太长，最多 {LONGEST_PASSWORD} 个字符"
    if (
        len(set(password)) < _FEWEST_CHARACTERS
        or len(_uncommon_rest(password.lower(), account)) < _FEWEST_CHARACTERS
    ):
        return "这个密码太常见，容易被猜到，请换一个"
    return None


def _uncommon_rest(password: str, account: str) -> str:
    """What is left of a password without its well-known parts."""
    rest = password
    for part in (*sorted(_COMMON, key=len, reverse=True), account):
        rest = rest.replace(part, "")
    return "" if any(rest and rest in run for run in _RUNS) else rest


def unit_problem(role: str, unit: str | None) -> str | None:
    """Say what is wrong with a person's role and unit, in Chinese.

    A unit's people, and its own systems, need one; the company's people have none.
    """
    if role not in COMPANY_ROLES and unit is None:
        return "这个角色需要选择单位"
    if role in COMPANY_ROLES and unit is not None:
        return "这个角色不属于单个单位，请不要选择单位"
    return None


def local_path(target: str | None) -> str:
    """Return where to go after signing in: `target` where it is a path of this site, else the task list."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return HOME
    if "\\" in target or any(ord(character) < ord(" ") for character in target):
        return HOME
    parts = urlsplit(target)
    is_local = not parts.scheme and not parts.netloc
    return target if is_local and not parts.path.startswith("/dispatch/sign-") else HOME
