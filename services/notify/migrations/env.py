"""Run by alembic: the migrations of notify's own database."""

from services.notify.tables import Base
from shared.migrations import run_env

run_env(Base.metadata)
