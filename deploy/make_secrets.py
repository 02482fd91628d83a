"""Makes the secrets of the compose installation: random passwords in deploy/secrets, one file each.

    python3 deploy/make_secrets.py

Needs the standard library only. Existing files are kept, so it may run before every start.
Back the folder up.
"""

import os
import secrets as random
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
SERVICES = ("intake", "dispatch", "assessment", "notify")


def main() -> int:
    """Write what is missing."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    superuser = _keep("postgres_password", random.token_urlsafe(24))
    _keep("huiying_admin_database_url", f"postgresql://postgres:{superuser}@postgres:5432/postgres")
    auditor = _keep("huiying_auditor_password", random.token_urlsafe(24))
    _keep("huiying_administrator_password", random.token_urlsafe(12))
    for service in SERVICES:
        role = f"huiying_{service}"
        _keep(
            f"{service}_database_url", f"postgresql://{role}:{random.token_urlsafe(24)}@postgres:5432/{role}"
        )
        _keep(f"huiying_audit_{service}_database_url", f"postgresql://auditor:{auditor}@postgres:5432/{role}")
    return 0


def _keep(name: str, fresh: str) -> str:
    """Content of a secret's file, written first where there is none; readable by the containers' user."""
    file = FOLDER / name
    if not file.exists():
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        with os.fdopen(handle, "w") as stream:
            stream.write(fresh)
    return file.read_text().strip()


if __name__ == "__main__":
    sys.exit(main())
