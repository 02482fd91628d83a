"""Which task list a person left for a case: kept as the part of its query that names it, written anew."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request

from services.dispatch.domain.accounts import HOME
from shared.pages.places import came_from

__all__ = ["LONGEST_QUERY", "list_left", "list_path", "list_query"]

LONGEST_QUERY = 300
_NAMES = ("state", "unit", "behind")


def list_query(asked: str) -> str:
    """Return what in a query names a task list; nothing for the whole list."""
    given = dict(parse_qsl(asked[:LONGEST_QUERY]))
    return urlencode({name: given[name] for name in _NAMES if name in given}, errors="replace")


def list_path(query: str) -> str:
    """Return the address of the list that a query names: always one of ours."""
    named = list_query(query)
    return f"{HOME}?{named}" if named else HOME


def list_left(request: Request) -> str:
    """Return the query of the task list that a request was made from; nothing where it was made elsewhere."""
    place = urlsplit(came_from(request) or "")
    return list_query(place.query) if place.path == HOME else ""
