"""Settings of intake."""

from typing import Annotated

from limits import parse
from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

__all__ = ["IntakeSettings"]


def _rate(value: str) -> str:
    parse(value)
    return value


Rate = Annotated[str, AfterValidator(_rate)]
"""A rate such as `120/minute`."""


class IntakeSettings(ServiceSettings):
    """What intake needs to start; environment prefix `INTAKE_`."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_", extra="ignore", frozen=True)

    register_rate: Rate = "120/minute"
    """Most registrations from one address of people who are not signed in."""
    track_rate: Rate = "60/minute"
    """Most look-ups by number from one address."""
    track_failed_rate: Rate = "20/hour"
    """Most failed look-ups from one address; numbers are a series, so that others are easily guessed."""
    track_number_rate: Rate = "10/hour"
    """Most failed look-ups of one number, from wherever."""
    trusted_hops: int = Field(default=1, ge=0)
    """Proxies of ours before this service: the last entry of X-Forwarded-For is the first one's to tell."""
