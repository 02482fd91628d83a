"""HTML routes of assessment: statements with their evidence, and the units' pools."""

from services.assessment.pages import pools, statements

__all__ = ["ROUTERS"]

ROUTERS = (statements.router, pools.router)
