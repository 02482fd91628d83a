"""Where alerts may go."""

import asyncio
import socket
from ipaddress import ip_network
from typing import Any

import pytest

from services.notify.egress import Egress, TargetRefusedError
from services.notify.settings import NotifySettings

STRICT = Egress(())


def settings(**given: Any) -> NotifySettings:
    return NotifySettings(database_url="postgresql://u:p@h/d", kafka_bootstrap="h:1", **given)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.9.9",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "fe80::1",
        "fd00::1",
        "2130706433",
        "0x7f.1",
        "localhost",
    ],
)
async def test_the_inside_of_a_network_is_refused(host: str) -> None:
    with pytest.raises(TargetRefusedError, match="内部网络"):
        await STRICT.resolve(host, 443, encrypted=True)


async def test_a_public_address_is_reached_encrypted_only() -> None:
    assert await STRICT.resolve("203.0.114.7", 443, encrypted=True) == "203.0.114.7"
    with pytest.raises(TargetRefusedError, match="加密"):
        await STRICT.resolve("203.0.114.7", 80, encrypted=False)


async def test_a_named_network_is_reached_also_unencrypted() -> None:
    egress = Egress([ip_network("10.1.2.0/24")])

    assert await egress.resolve("10.1.2.3", 80, encrypted=False) == "10.1.2.3"
    with pytest.raises(TargetRefusedError):
        await egress.resolve("10.1.3.3", 80, encrypted=False)


async def test_a_name_with_one_inside_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rebinding(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("203.0.114.7", 443)), (*kind, ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebinding)
    with pytest.raises(TargetRefusedError, match="内部网络"):
        await STRICT.resolve("rebinding.example", 443, encrypted=True)


async def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TargetRefusedError, match="找不到"):
        await STRICT.resolve("no-such-host.invalid", 443, encrypted=True)


def test_an_installation_for_this_machine_alone_may_send_inside() -> None:
    assert ip_network("127.0.0.0/8") in settings().internal_networks
    assert settings(public_url="https://huiying.example.com").internal_networks == ()
    assert settings(internal_targets="").internal_networks == ()
    assert settings(internal_targets="10.0.0.0/8, ::1/128").internal_networks == (
        ip_network("10.0.0.0/8"),
        ip_network("::1/128"),
    )


def test_a_network_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="internal_targets"):
        settings(internal_targets="everywhere")
