"""What a browser sent a moment ago, in a cookie of its own: back and 提交 again is no second complaint.

A form that is loaded again has another idempotency key, so the key does not tell. The cookie holds a digest
of all that was typed and the token of what it became; whoever changes a word reports something else.
"""

import hashlib
import re

from fastapi import Request, Response

from services.intake.domain.reports import Given

__all__ = ["remember_sent", "sent_before"]

_COOKIE = "huiying-sent"
_PATH = "/complaints"
_SECONDS = 600
_VALUE = re.compile(r"([0-9a-f]{64})\.([A-Za-z0-9_-]+)")


def sent_before(request: Request, given: Given) -> str | None:
    """The token of what this browser made of just the same report a moment ago."""
    found = _VALUE.fullmatch(request.cookies.get(_COOKIE, ""))
    return found[2] if found and found[1] == _digest(given) else None


def remember_sent(request: Request, response: Response, given: Given, token: str) -> None:
    """Have the browser remember what its report became."""
    response.set_cookie(
        _COOKIE,
        f"{_digest(given)}.{token}",
        max_age=_SECONDS,
        path=_PATH,
        secure=str(request.app.state.public_url).startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def _digest(given: Given) -> str:
    return hashlib.sha256(repr(given).encode()).hexdigest()  # repr escapes what UTF-8 does not hold
