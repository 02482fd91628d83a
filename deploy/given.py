"""Settings of the commands that run in containers."""

import os
from pathlib import Path

__all__ = ["given_setting"]

_SECRETS = Path("/run/secrets")


def given_setting(name: str) -> str:
    """Value from the environment, or from the secret file of that name in lower case; else empty."""
    secret = _SECRETS / name.lower()
    return os.environ.get(name) or (secret.read_text().strip() if secret.is_file() else "")
