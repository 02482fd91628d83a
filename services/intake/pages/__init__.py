"""Public pages of intake: report, registered, track."""

from fastapi import APIRouter

from services.intake.pages import reporting, tracking

__all__ = ["build_router"]


def build_router() -> APIRouter:
    """The HTML routes."""
    router = APIRouter(include_in_schema=False)
    router.include_router(reporting.build_router())
    router.include_router(tracking.build_router())
    return router
