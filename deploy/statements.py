"""A month's statement and its evidence, over assessment's API."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from deploy.client import Client, RefusedError
from deploy.local.errors import LaunchError

__all__ = ["check_month", "get_evidence", "get_statement", "only_unit"]

STATEMENTS = "/assessment/api/statements"
EVIDENCE = "/assessment/api/evidence"
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def check_month(month: str) -> str:
    """Return `month` if it is one. LaunchError naming the form."""
    if not _MONTH.fullmatch(month):
        raise LaunchError(f"“{month}”不是月份", "应像 2019-04")
    return month


def get_statement(client: Client, month: str) -> dict[str, Any]:
    """The statement of all units. LaunchError for what is no month or has no statement."""
    statement: dict[str, Any] = client.get(f"{STATEMENTS}/{check_month(month)}")
    return statement


def only_unit(statement: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """The statement with one unit alone, by name or code. LaunchError naming the choices if there is none."""
    units = [one for one in statement["units"] if unit in {one["unit"], one.get("unit_code")}]
    if not units:
        names = "、".join(one["unit"] for one in statement["units"])
        raise LaunchError(f"没有单位“{unit}”", f"可以是：{names}")
    return {**statement, "units": units}


def get_evidence(client: Client, event_id: UUID) -> dict[str, Any]:
    """One event that an entry rests on. LaunchError if assessment has none by that id."""
    try:
        event: dict[str, Any] = client.get(f"{EVIDENCE}/{event_id}")
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise LaunchError(
            f"没有依据 {event_id}", "依据的编号见 huiying statement --month … --unit …"
        ) from error
    return event
