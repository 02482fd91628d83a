"""Settings every service has; each service subclasses with its own environment prefix.

Values come from the environment (`INTAKE_DATABASE_URL`) or, for secrets in containers, from files of the same
name in lower case under `/run/secrets` (`intake_database_url`).
"""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["ServiceSettings", "SettingsError"]

_SECRETS = Path("/run/secrets")


class SettingsError(RuntimeError):
    """A setting is missing or wrong; the message names each one by its environment variable."""


class ServiceSettings(BaseSettings):
    """What any of the four services needs to start."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr
    """`postgresql://role:password@host:port/database` of the service's own database."""
    kafka_bootstrap: str
    """`host:port[,host:port]` of the brokers."""
    kafka_prefix: str = ""
    """Put before every topic and group name, where several installations share one Kafka."""
    public_url: str = "http://127.0.0.1:8080"
    """Address people reach the gateway at, without a slash at the end; https makes cookies Secure."""
    instance: str | None = None
    """This replica's own name, kept across restarts: it rejoins its consumer group at once."""
    pool_size: int = Field(default=10, ge=1)
    """Most database connections of this replica for ordinary work."""
    log_level: str = "INFO"

    @property
    def secure_cookies(self) -> bool:
        """Whether people reach us over https."""
        return self.public_url.startswith("https://")

    @classmethod
    def from_env(cls) -> Self:
        """Read the settings. SettingsError names what is missing or wrong, never a value."""
        options: dict[str, Any] = {"_secrets_dir": _SECRETS} if _SECRETS.is_dir() else {}
        try:
            return cls(**options)
        except ValidationError as error:
            prefix = str(cls.model_config.get("env_prefix", ""))
            problems = "; ".join(
                f"{prefix}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
                for problem in error.errors()
            )
            raise SettingsError(f"settings are missing or wrong: {problems}") from None
