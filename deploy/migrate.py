"""Brings an installation's databases and topics to what this version needs. Repeatable, also twice at once.

Read from the environment: the four services' own settings (`INTAKE_DATABASE_URL`, `INTAKE_KAFKA_BOOTSTRAP`
and so on) and, where roles and databases are to be made too, `HUIYING_ADMIN_DATABASE_URL` (a role that may
make them) and `HUIYING_AUDITOR_PASSWORD`.
"""

import asyncio
import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy import topics
from deploy.databases import AUDITOR, SERVICES, database_name, provision
from deploy.local.errors import LaunchError
from shared import migrations
from shared.clock import SystemClock
from shared.database import create_engine, create_sessions, run_unit

__all__ = ["migrate", "migrations_folder"]

ROOT = Path(__file__).resolve().parents[1]


def migrations_folder(service: str) -> Path:
    """Where a service keeps its migrations."""
    return ROOT / "services" / service / "migrations"


def migrate(replication: int = 1, say: Callable[[str], None] = print) -> None:
    """Make roles and databases, upgrade the four schemas, create the topics, put in the first data.

    LaunchError names the setting that is missing, the database that does not answer, the topic that is wrong.
    """
    urls = {service: _setting(f"{service.upper()}_DATABASE_URL") for service in SERVICES}
    bootstrap = _setting("INTAKE_KAFKA_BOOTSTRAP")
    admin_url = _optional("HUIYING_ADMIN_DATABASE_URL")
    try:
        if admin_url:
            asyncio.run(provision(admin_url, _passwords(urls)))
        for service, url in urls.items():
            migrations.upgrade(migrations_folder(service), url)
            say(f"数据库 {database_name(service)} 已是最新")
        prefix = os.environ.get("INTAKE_KAFKA_PREFIX", "")
        created = asyncio.run(topics.apply(bootstrap, replication=replication, prefix=prefix))
        say(f"Kafka 主题齐全，新建 {len(created)} 个")
        for service, url in urls.items():
            if find_spec(f"services.{service}.seed"):
                asyncio.run(_seed(service, url))
                say(f"{database_name(service)} 的基础数据齐全")
    except topics.TopicsError as error:
        raise LaunchError(str(error)) from error
    except (OSError, asyncpg.PostgresError, ValueError) as error:
        raise LaunchError(f"不能准备数据库（{error}）", "请检查地址、密码与 PostgreSQL 是否在运行") from error


async def _seed(service: str, url: str) -> None:
    """Put in the first data of a service, in one transaction."""
    seed = import_module(f"services.{service}.seed").seed
    engine = create_engine(url)
    try:
        await run_unit(create_sessions(engine), lambda session: seed(session, SystemClock()))
    finally:
        await engine.dispose()


def _passwords(urls: dict[str, str]) -> dict[str, str]:
    found = {database_name(service): unquote(urlsplit(url).password or "") for service, url in urls.items()}
    return {**found, AUDITOR: _setting("HUIYING_AUDITOR_PASSWORD")}


def _setting(name: str) -> str:
    """Value of a setting that must be there."""
    value = _optional(name)
    if not value:
        raise LaunchError(f"缺少设置 {name}", "请在环境变量里给出，见 .env.example")
    return value


def _optional(name: str) -> str:
    """Value from the environment, or from the secret file of that name in lower case; else empty."""
    secret = Path("/run/secrets") / name.lower()
    return os.environ.get(name) or (secret.read_text().strip() if secret.is_file() else "")
