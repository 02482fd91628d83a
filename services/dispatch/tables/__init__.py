"""The tables of dispatch, all on `Base.metadata`; importing this package knows every one."""

from services.dispatch.tables import accounts, cases, feed, rules
from services.dispatch.tables.base import Base

__all__ = ["Base", "accounts", "cases", "feed", "rules"]
