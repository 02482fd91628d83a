"""Run by alembic: the migrations of dispatch's own database."""

from services.dispatch.tables import Base
from shared.migrations import run_env

run_env(Base.metadata)
