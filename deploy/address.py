"""The address of an installation, as a person writes it."""

from urllib.parse import SplitResult, urlsplit

from deploy.local.errors import LaunchError

__all__ = ["DEFAULT_URL", "split_address"]

DEFAULT_URL = "http://127.0.0.1:8080"


def split_address(url: str) -> SplitResult:
    """The parts of `url`: a host, and a port where one is given. LaunchError if it is no address."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port beyond 65535
        sound = False
    if not sound:
        raise LaunchError(f"地址不对：{url}", f"应像 {DEFAULT_URL}")
    return parts
