"""Which page of this site a request was made from, as far as its browser tells."""

from urllib.parse import urlsplit

from starlette.requests import Request

__all__ = ["came_from", "path_of"]


def came_from(request: Request) -> str | None:
    """Return path and query of the page that a request was made from; None where it is none of this site."""
    told = request.headers.get("hx-current-url") or request.headers.get("referer", "")
    return path_of(told, request.headers.get("host", ""))


def path_of(address: str, host: str) -> str | None:
    """Return path and query of an address on `host`; None for any other, or what a browser may misread."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or parts.netloc != host:
        return None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_local else None
