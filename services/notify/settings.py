"""Settings of notify; every one is read from the environment with the prefix NOTIFY_."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

__all__ = ["NotifySettings"]

_OWN_MACHINE_AND_LAN = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


class NotifySettings(ServiceSettings):
    """What notify needs to start."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", extra="ignore", frozen=True)

    internal_targets: str | None = None
    """Networks that alerts may go to although they are not public, and unencrypted: `10.1.2.0/24,...`.

    Where it is not set: this machine and private networks if people reach Huiying on this machine alone
    (`public_url` names a loopback address), else none.
    """
    max_attempts: int = Field(default=10, ge=1, le=100)
    """Attempts after which a delivery is given up as failed, for a person to look at."""
    first_retry_seconds: float = Field(default=5.0, gt=0)
    """Pause before the second attempt; it doubles each time, with jitter."""
    longest_retry_seconds: float = Field(default=900.0, gt=0)
    """The pause never grows past this."""
    lease_seconds: float = Field(default=60.0, gt=0)
    """A delivery that is being sent for longer than this counts as interrupted: its result is unknown."""

    @field_validator("internal_targets")
    @classmethod
    def _networks(cls, value: str | None) -> str | None:
        for part in (value or "").split(","):
            if part.strip():
                ip_network(part.strip())
        return value

    @property
    def internal_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`internal_targets` as networks."""
        text = self.internal_targets
        if text is None:
            text = _OWN_MACHINE_AND_LAN if _is_loopback(urlsplit(self.public_url).hostname or "") else ""
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
