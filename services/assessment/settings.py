"""Settings of assessment, from the environment with prefix ASSESSMENT_."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

__all__ = ["AssessmentSettings"]


class AssessmentSettings(ServiceSettings):
    """What assessment needs to start: nothing beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="ASSESSMENT_", extra="ignore", frozen=True)
