"""A new password for an account, given by whoever runs the installation."""

import asyncio

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.databases import in_transaction
from deploy.given import given_setting
from deploy.local.descriptor import find_descriptor
from deploy.local.errors import LaunchError
from services.dispatch.usecases.accounts import renew_password as renew
from shared.clock import SystemClock

__all__ = ["renew_password"]

SETTING = "DISPATCH_DATABASE_URL"


def renew_password(account: str, url: str) -> str:
    """Give `account` a random password and return it: the only time it is told.

    The database is dispatch's of the installation at `url`, where this user started it on this machine; else
    that of DISPATCH_DATABASE_URL. LaunchError where there is neither, or no such account.
    """

    async def work(session: AsyncSession) -> str | None:
        return await renew(session, account, SystemClock())

    try:
        password = asyncio.run(in_transaction(_database(url), work))
    except (OSError, asyncpg.PostgresError, SQLAlchemyError) as error:
        raise LaunchError("不能写入任务服务的数据库", "请检查地址、密码与 PostgreSQL 是否在运行") from error
    if password is None:
        raise LaunchError(f"没有用密码登录的账号“{account}”", "账号见“账号”页，第一个管理员是 admin")
    return password


def _database(url: str) -> str:
    local = find_descriptor(url)
    address = local.databases["dispatch"] if local else given_setting(SETTING)
    if not address:
        raise LaunchError(
            "没有找到任务服务的数据库", f"请先在本机运行 huiying up，或在环境变量 {SETTING} 里给出地址"
        )
    return address
