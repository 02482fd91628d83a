"""The Jinja environment of a service and the responses made with it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.pages import filters
from shared.pages.assets import Assets
from shared.pages.errors import explain
from shared.pages.places import came_from
from shared.sentences import sentence

BASE_TEMPLATES = Path(__file__).parent / "templates"
COMPANY = "实业公司后勤服务"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def wants_html(request: Request) -> bool:
    """Tell whether a person's browser asks (a page or an htmx fragment), not a program asking for JSON."""
    return "HX-Request" in request.headers or "text/html" in request.headers.get("accept", "")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in, as the header of staff pages shows it; `role` is a code of the sign-in roles."""

    name: str
    role: str
    unit_name: str


class Pages:
    """The pages of one service.

    `service_dir` holds its templates/, found before the shared ones; `prefix` is its path on the gateway
    ("" for intake, "/dispatch" ...); `now` gives aware UTC instants; `layout` is what its error pages extend.
    """

    def __init__(
        self,
        service_dir: Path,
        *,
        now: Callable[[], datetime],
        prefix: str = "",
        layout: Literal["public", "staff"] = "staff",
        company: str = COMPANY,
    ) -> None:
        self.prefix = prefix
        self.assets = Assets()
        self._now = now
        self.environment = Environment(
            loader=FileSystemLoader([service_dir / "templates", BASE_TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters.update(
            local_time=filters.local_time,
            utc_iso=filters.utc_iso,
            duration_zh=filters.duration_zh,
            relative_time=filters.relative_time,
            yuan=filters.yuan,
            phone_masked=filters.phone_masked,
            role_name=filters.role_name,
            urgency_name=filters.urgency_name,
            sentence=sentence,
        )
        self.environment.globals.update(
            asset=lambda name: self.assets.url(prefix, name),
            company=company,
            layout=f"base_{layout}.html",
            now=now,
            prefix=prefix,
        )

    def mount(self, app: FastAPI) -> None:
        """Serve the assets under the service's prefix."""
        app.mount(f"{self.prefix}/static", self.assets, name="static")

    def fragment(self, name: str, **context: Any) -> str:
        """Render a template to text, for a server-sent event."""
        context.setdefault("user", None)
        return self.environment.get_template(name).render(**context)

    def page(self, request: Request, name: str, status_code: int = 200, **context: Any) -> HTMLResponse:
        """Answer with a rendered template; `user` is the Viewer shown in the header, if any."""
        html = self.fragment(name, request=request, **context)
        return HTMLResponse(html, status_code=status_code, headers=HEADERS)

    def error(
        self,
        request: Request,
        status_code: int,
        detail: str | None = None,
        request_id: str | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """Answer with the Chinese error page of a status: what happened, `detail` if given, what to do next.

        A request by htmx gets only an alert, which lands in the page's alert region. Signing in leads back
        to the page that asked.
        """
        template = "_alert_swap.html" if "HX-Request" in request.headers else "error.html"
        explanation = explain(status_code)
        return self.page(
            request,
            template,
            status_code,
            status=status_code,
            explanation=explanation,
            detail=detail,
            request_id=request_id,
            place=came_from(request),
            **context,
        )
