"""The cookie a session lives in, for the JSON routes and the pages alike."""

from fastapi import Request, Response

from shared.auth import SESSION_LIFE, cookie_name

__all__ = ["address_of", "begin_session", "end_session"]


def begin_session(request: Request, response: Response, token: str) -> None:
    """Give the browser a session; over https the cookie is bound to this host and never sent in the clear."""
    secure = _is_secure(request)
    response.set_cookie(
        cookie_name(secure=secure),
        token,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def end_session(request: Request, response: Response) -> None:
    """Take the session's cookie back."""
    secure = _is_secure(request)
    response.delete_cookie(cookie_name(secure=secure), path="/", secure=secure, httponly=True, samesite="lax")


def address_of(request: Request) -> str:
    """Network address of the browser; the server resolves what a trusted gateway forwards."""
    return request.client.host if request.client else "unknown"


def _is_secure(request: Request) -> bool:
    return str(request.app.state.public_url).startswith("https://")
