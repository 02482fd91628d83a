"""Serves the committed browser assets from the service itself: no CDN, no Node, cached by content."""

import hashlib
from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
IMMUTABLE = "public, max-age=31536000, immutable"


class Assets(StaticFiles):
    """The files of shared/pages/static; an address with the right `?v=` hash is cached for a year."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)
        self.versions = {
            path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            for path in STATIC.rglob("*")
            if path.is_file()
        }

    def url(self, prefix: str, name: str) -> str:
        """Return the address of `name` under `prefix`, with its content's hash; KeyError for no such file."""
        return f"{prefix}/static/{name}?v={self.versions[name]}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with the file; immutable only when the address carries the hash of what is sent."""
        response = await super().get_response(path, scope)
        asked = QueryParams(scope["query_string"]).get("v")
        current = asked is not None and asked == self.versions.get(path)
        response.headers["Cache-Control"] = IMMUTABLE if current else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
