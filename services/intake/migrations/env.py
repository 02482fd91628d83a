"""Migrations of intake's database."""

from services.intake.tables import Base
from shared.migrations import run_env

run_env(Base.metadata)
