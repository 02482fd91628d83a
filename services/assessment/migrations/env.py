"""Run by alembic: the migrations of assessment's own database."""

from services.assessment.tables import Base
from shared.migrations import run_env

run_env(Base.metadata)
