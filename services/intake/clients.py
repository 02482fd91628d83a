"""Who a request comes from, and how often they may come. Per process, in memory."""

import ipaddress
import math
import time
from functools import lru_cache

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import Scope

__all__ = ["Limits", "client_address"]

_IPV6_NETWORK = 64
_SWEEP_SECONDS = 60.0


class _Counters(MemoryStorage):
    """The library's counters in memory, swept once a minute: its own sweep is a thread per hit."""

    def __init__(self) -> None:
        super().__init__()
        self._sweep_at = 0.0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to the counter of `key`, which is forgotten `expiry` seconds after its first hit."""
        now = time.time()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            for old in tuple(self.expirations):
                self.get(old)  # forgets it where it is over
        if not self.get(key):
            self.expirations[key] = now + expiry
        self.storage[key] += amount
        return self.storage[key]

    def decr(self, key: str, amount: int = 1) -> int:
        """Take from the counter of `key` what was added to it."""
        if self.get(key):
            self.storage[key] -= amount
        return self.storage[key]


class Limits:
    """The rates of the public routes. A refusal is always visible: nothing is dropped in silence.

    What counts says how many seconds are to be waited: 0 for what is free to go on. A period begins with the
    first that counts, so the wait is the true one.
    """

    def __init__(self, *, register: str, track: str, track_failed: str, track_number: str) -> None:
        self._counters = _Counters()
        self._limiter = FixedWindowRateLimiter(self._counters)
        self._register = parse(register)
        self._track = parse(track)
        self._track_failed = parse(track_failed)
        self._track_number = parse(track_number)

    def register(self, client: str) -> int:
        """Count a registration by `client`."""
        return self._count(self._register, "register", client)

    def look_up(self, client: str, number: str) -> int:
        """Count a look-up by `client`: as a failed one of theirs and of `number`, until taken back."""
        return (
            self._count(self._track, "track", client)
            or self._count(self._track_failed, "failed", client)
            or self._count(self._track_number, "number", number)
        )

    def take_back(self, client: str, number: str) -> None:
        """Forget that a look-up failed: it found something, or could not be made."""
        self._counters.decr(self._track_failed.key_for("failed", client))
        self._counters.decr(self._track_number.key_for("number", number))

    def _count(self, rate: RateLimitItem, *names: str) -> int:
        if self._limiter.hit(rate, *names):
            return 0
        ends_at = self._limiter.get_window_stats(rate, *names).reset_time
        return max(1, math.ceil(ends_at - time.time()))


def client_address(scope: Scope, trusted_hops: int) -> str:
    """Return the address to count a request by; one /64 counts as one client.

    X-Forwarded-For is believed only where the peer is a proxy of ours (loopback or private), and then only
    what our outermost proxy wrote, `trusted_hops` entries from the right: the rest anybody can invent.
    """
    peer = _address(scope["client"][0] if scope.get("client") else "")
    if peer is None or not (peer.is_loopback or peer.is_private):
        return _counted(peer)
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for line in lines for hop in line.split(",")]
    if not 0 < trusted_hops <= len(hops):
        return _counted(peer)
    return _counted(_address(hops[-trusted_hops]) or peer)


@lru_cache(4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@lru_cache(4096)
def _counted(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> str:
    if address is None:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
    return str(address)
