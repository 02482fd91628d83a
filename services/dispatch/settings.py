"""Settings of dispatch; every one is read from the environment with the prefix DISPATCH_."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

__all__ = ["DispatchSettings"]


class DispatchSettings(ServiceSettings):
    """What dispatch needs to start."""

    model_config = SettingsConfigDict(env_prefix="DISPATCH_", extra="ignore", frozen=True)

    scheduler_seconds: float = Field(default=0.5, gt=0, le=5)
    """Longest pause between two looks for deadlines that are due."""
