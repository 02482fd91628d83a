"""Who a request comes from, and how often they may come. Per process, in memory."""

import ipaddress
import time
from functools import lru_cache

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
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


class Limits:
    """The rates of the public routes. A refusal is always visible: nothing is dropped in silence."""

    def __init__(self, *, register: str, track: str, track_number: str) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(_Counters())
        self._register = parse(register)
        self._track = parse(track)
        self._track_number = parse(track_number)

    def may_register(self, client: str) -> bool:
        """Count a registration by `client`; False where there were too many."""
        return self._hit(self._register, "register", client)

    def may_look_up(self, client: str, number: str) -> bool:
        """Count a look-up by `client`; False where there were too many, or too many failed of `number`."""
        free = self._limiter.test(self._track_number, "number", number)
        return self._hit(self._track, "track", client) and free

    def note_failed_look_up(self, number: str) -> None:
        """Count a look-up of `number` that found nothing."""
        self._hit(self._track_number, "number", number)

    def _hit(self, rate: RateLimitItem, *names: str) -> bool:
        return bool(self._limiter.hit(rate, *names))


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
