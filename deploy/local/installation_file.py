"""What `installation.json` may say: checked before anything is done with it, for people edit it."""

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from deploy.databases import ROLES
from deploy.local.errors import cause_of

__all__ = ["Demonstration", "read_content"]

HIGHEST_PORT: Final = 65535


class Demonstration(StrEnum):
    """Whether demonstration data belong to an installation, decided at its first start."""

    UNDECIDED = "undecided"
    WANTED = "wanted"
    LOADED = "loaded"
    DECLINED = "declined"


def read_content(file: Path) -> dict[str, Any]:
    """The file's fields, each of its type. ValueError, saying why in Chinese, if it is not what we wrote."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(cause_of(error)) from error
    except (ValueError, RecursionError) as error:
        raise ValueError("不是有效的 JSON") from error
    if not isinstance(content, dict):
        raise ValueError("不是一个 JSON 对象")  # noqa: TRY004 - one kind of error for what is wrong with a file
    missing = _REQUIRED.keys() - content.keys()
    if missing:
        raise ValueError(f"缺少 {'、'.join(sorted(missing))}")
    fields = {**_REQUIRED, **_OPTIONAL}
    unknown = content.keys() - fields.keys()
    if unknown:
        raise ValueError(f"有不认识的内容 {'、'.join(sorted(unknown))}，可能来自更新的版本")
    wrong = [name for name, value in content.items() if not fields[name](value)]
    if wrong:
        raise ValueError(f"{'、'.join(wrong)} 的内容不对")
    return content


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_secret(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_id(value: object) -> bool:
    """A folder outside the data folder is named by it."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) is not None


def _is_cluster_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[A-Za-z0-9_-]{22}", value) is not None


def _is_role_passwords(value: object) -> bool:
    return (
        isinstance(value, dict)
        and all(role in value for role in ROLES)
        and all(map(_is_secret, value.values()))
    )


def _is_demonstration(value: object) -> bool:
    return isinstance(value, str) and value in set(Demonstration)


def _is_ports(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(port) is int and 0 < port <= HIGHEST_PORT for port in value.values()
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_REQUIRED: Final[Mapping[str, Callable[[object], bool]]] = {
    "id": _is_id,
    "cluster_id": _is_cluster_id,
    "postgres_password": _is_secret,
    "role_passwords": _is_role_passwords,
    "ports": _is_ports,
    "demonstration": _is_demonstration,
}
_OPTIONAL: Final[Mapping[str, Callable[[object], bool]]] = {
    "migrated": _is_texts,
    "administrator_password": _is_text,
}
