"""Whether the databases already are what this version needs, told without a migration run."""

import asyncio
import hashlib

import asyncpg

from deploy.databases import SERVICES
from deploy.local.installation import Installation
from deploy.local.services import ROOT, Addresses

__all__ = ["is_current", "remember"]

READ = (
    "services/*/migrations/**/*.py",
    "services/*/data/*",
    "services/*/seed*",
    "shared/contracts/topics.py",
)


def is_current(installation: Installation, addresses: Addresses) -> bool:
    """Whether a migration run with this program succeeded and the databases still are at its revisions."""
    return installation.migrated == _state(installation, addresses)


def remember(installation: Installation, addresses: Addresses) -> None:
    """Note that a migration run has just succeeded."""
    installation.migrated = _state(installation, addresses)
    installation.save()


def _state(installation: Installation, addresses: Addresses) -> dict[str, str]:
    """What a migration run depends on and leaves: the program, Kafka's data folder, the revisions."""
    meta = installation.data_dir / "kafka" / "meta.properties"
    kafka = meta.read_text(encoding="utf-8") if meta.exists() else ""
    return {"program": _fingerprint(), "kafka": kafka, **_revisions(addresses)}


def _fingerprint() -> str:
    """Hash of everything in the program that a migration run depends on."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in READ for path in ROOT.glob(pattern) if path.is_file()):
        found.update(str(path.relative_to(ROOT)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _revisions(addresses: Addresses) -> dict[str, str]:
    async def revision(url: str) -> str:
        try:
            connection = await asyncpg.connect(url)
        except (asyncpg.PostgresError, OSError):
            return ""
        try:
            return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
        except asyncpg.PostgresError:
            return ""
        finally:
            await connection.close()

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(revision(addresses.databases[name]) for name in SERVICES))

    return dict(zip(SERVICES, asyncio.run(all_of_them()), strict=True))
