"""HTML routes of dispatch: signing in, the task list, one case, one's own account, all accounts."""

from services.dispatch.pages import accounts, cases, own_account, sign_in, tasks

__all__ = ["ROUTERS"]

ROUTERS = (sign_in.router, tasks.router, cases.router, own_account.router, accounts.router)
