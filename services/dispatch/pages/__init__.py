"""HTML routes of dispatch: signing in, the task list, one case, accounts."""

from services.dispatch.pages import accounts, cases, sign_in, tasks

__all__ = ["ROUTERS"]

ROUTERS = (sign_in.router, tasks.router, cases.router, accounts.router)
