"""Where alerts may go: public addresses over TLS, and the networks the operator has named.

A name is resolved once and the connection made to just that address, so that a name which changes its mind in
between cannot lead a request into the company's own network.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

__all__ = ["Egress", "TargetRefusedError"]

_RESOLVE_SECONDS = 5.0


class TargetRefusedError(Exception):
    """This target must or can not be connected to; the message, in Chinese, says why."""


class Egress:
    """Resolves targets and refuses those that are not allowed."""

    def __init__(self, internal: Sequence[IPv4Network | IPv6Network]) -> None:
        self._internal = tuple(internal)

    async def resolve(self, host: str, port: int, *, encrypted: bool) -> str:
        """Return the one address of `host` to connect to. TargetRefusedError if it may not be."""
        found = await self._look_up(host.strip("[]"), port)
        for address in found:
            self._check(address, encrypted=encrypted)
        return str(found[0])

    def _check(self, address: IPv4Address | IPv6Address, *, encrypted: bool) -> None:
        if any(address in network for network in self._internal):
            return
        if not address.is_global or address.is_multicast:
            raise TargetRefusedError("这个地址在内部网络，未列入允许的范围")
        if not encrypted:
            raise TargetRefusedError("发往公网必须加密，请用 mailtos、jsons 或 forms")

    @staticmethod
    async def _look_up(host: str, port: int) -> list[IPv4Address | IPv6Address]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise TargetRefusedError("找不到这个主机") from None
        addresses = dict.fromkeys(_unmapped(str(info[4][0])) for info in infos)
        return sorted(addresses, key=lambda address: address.version)


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
