"""Brings an installation's databases and topics to what this version needs. Repeatable, also twice at once.

Read from the environment: the four services' own settings (`INTAKE_DATABASE_URL`, `INTAKE_KAFKA_BOOTSTRAP`
and so on) and, where roles and databases are to be made too, `HUIYING_ADMIN_DATABASE_URL` (a role that may
make them) and `HUIYING_AUDITOR_PASSWORD`.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from deploy import topics
from deploy.databases import AUDITOR, SERVICES, database_name, in_transaction, provision
from deploy.given import given_setting
from deploy.local.errors import LaunchError
from deploy.local.places import write_private
from services.assessment.seed import seed as seed_rule_book
from services.dispatch.seed import seed as seed_directory
from services.dispatch.usecases.accounts import ADMINISTRATOR, SignIn, mint_command_token, seed_people
from shared import migrations
from shared.clock import SystemClock

__all__ = ["migrate", "migrations_folder"]

ROOT = Path(__file__).resolve().parents[1]


def migrations_folder(service: str) -> Path:
    """Where a service keeps its migrations."""
    return ROOT / "services" / service / "migrations"


def migrate(
    *,
    replication: int = 1,
    demo: bool = False,
    token_file: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Make roles and databases, upgrade the four schemas, create the topics, put in the first data.

    With `demo` also people for a demonstration; with `token_file` a token for the commands of this machine is
    written there. LaunchError names the setting that is missing, the database that does not answer or is of a
    newer version, the topic that is wrong.
    """
    urls = {service: _setting(f"{service.upper()}_DATABASE_URL") for service in SERVICES}
    bootstrap = _setting("INTAKE_KAFKA_BOOTSTRAP")
    admin_url = given_setting("HUIYING_ADMIN_DATABASE_URL")
    try:
        if admin_url:
            asyncio.run(provision(admin_url, _passwords(urls)))
        for service, url in urls.items():
            _upgrade(service, url)
            say(f"数据库 {database_name(service)} 已是最新")
        prefix = os.environ.get("INTAKE_KAFKA_PREFIX", "")
        created = asyncio.run(topics.apply(bootstrap, replication=replication, prefix=prefix))
        say(f"Kafka 主题齐全，新建 {len(created)} 个")
        asyncio.run(_seed(urls, demo, say))
        if token_file is not None:
            write_private(token_file, asyncio.run(in_transaction(urls["dispatch"], _mint)))
    except topics.TopicsError as error:
        raise LaunchError(str(error)) from error
    except (OSError, asyncpg.PostgresError, SQLAlchemyError, ValueError) as error:
        raise LaunchError(f"不能准备数据库（{error}）", "请检查地址、密码与 PostgreSQL 是否在运行") from error


def _upgrade(service: str, url: str) -> None:
    try:
        migrations.upgrade(migrations_folder(service), url)
    except migrations.NewerDatabaseError as error:
        raise LaunchError(
            f"数据库 {database_name(service)} 已被更新的版本升级过，这个版本不能使用",
            "请运行更新的版本；要退回旧版本，请恢复升级之前的备份",
        ) from error


async def _seed(urls: Mapping[str, str], demo: bool, say: Callable[[str], None]) -> None:
    """Put in the first data of each service, in one transaction each."""
    clock = SystemClock()
    await in_transaction(urls["assessment"], lambda session: seed_rule_book(session, clock))
    password = given_setting("HUIYING_ADMINISTRATOR_PASSWORD") or None

    async def directory(session: AsyncSession) -> list[SignIn]:
        await seed_directory(session, clock)
        return await seed_people(session, clock, demo=demo, administrator_password=password)

    made = await in_transaction(urls["dispatch"], directory)
    say("单位、日历、考核细则与账号齐全")
    if password is None:
        for each in made:
            if each.account == ADMINISTRATOR:
                say(f"系统管理员账号 {each.account}，初始密码 {each.password}（只显示这一次）")


async def _mint(session: AsyncSession) -> str:
    return await mint_command_token(session, SystemClock())


def _passwords(urls: Mapping[str, str]) -> dict[str, str]:
    found = {database_name(service): unquote(urlsplit(url).password or "") for service, url in urls.items()}
    return {**found, AUDITOR: _setting("HUIYING_AUDITOR_PASSWORD")}


def _setting(name: str) -> str:
    """Value of a setting that must be there."""
    value = given_setting(name)
    if not value:
        raise LaunchError(f"缺少设置 {name}", "请在环境变量里给出，或放入 /run/secrets")
    return value
