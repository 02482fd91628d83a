"""What commands on this machine need to know of a running installation.

One file of mode 0600 per address in the user's state folder; written when everything is up, removed at the
end.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from deploy.address import split_address
from deploy.local.errors import LaunchError
from deploy.local.places import make_folder, state_home, write_private
from shared.clock import SystemClock

__all__ = ["Descriptor", "find_descriptor", "is_token_fresh", "remove_descriptor", "write_descriptor"]

RENEW_AFTER = timedelta(days=15)  # half of what a command token lives


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Addresses and credentials of one running installation.

    `databases` and `auditor` have one address per service, the latter for reading only; `token` is for the
    `Authorization: Bearer` header and acts as an operator.
    """

    url: str
    data_dir: str
    databases: dict[str, str]
    auditor: dict[str, str]
    kafka: str
    services: dict[str, str]
    pids: dict[str, int]
    token: str


def _file(url: str) -> Path:
    parts = split_address(url)
    host = "127.0.0.1" if parts.hostname in {"localhost", "::1", None} else parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return state_home() / f"{re.sub(r'[^A-Za-z0-9.-]', '_', host)}_{port}.json"


def write_descriptor(descriptor: Descriptor) -> Path:
    """Publish it to the commands of this user."""
    file = _file(descriptor.url)
    make_folder(file.parent)
    write_private(file, asdict(descriptor))
    return file


def find_descriptor(url: str) -> Descriptor | None:
    """Return what is known of the installation at `url`, None if this user started none there.

    LaunchError if `url` is no address, or what is known cannot be read.
    """
    file = _file(url)
    if not file.exists():
        return None
    try:
        return Descriptor(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise LaunchError(f"不能读取 {file}", "请重新运行 huiying up") from error


def is_token_fresh(token_file: Path) -> bool:
    """Whether the kept token still lives for a good while."""
    if not token_file.exists():
        return False
    return SystemClock().now().timestamp() - token_file.stat().st_mtime < RENEW_AFTER.total_seconds()


def remove_descriptor(url: str) -> None:
    """Forget the installation at `url`."""
    _file(url).unlink(missing_ok=True)
