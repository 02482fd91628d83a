"""Whose request it is, however it is dressed up, and how often they may come."""

import pytest
from starlette.types import Scope

from services.intake.clients import Limits, client_address


def request(peer: str, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"type": "http", "client": (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.2", ["203.0.113.9"], "203.0.113.9"),
        ("8.8.8.8", ["203.0.113.9"], "8.8.8.8"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("testclient", [], "unknown"),
    ],
)
def test_only_what_our_own_proxy_wrote_counts(peer: str, forwarded: list[str], counted: str) -> None:
    assert client_address(request(peer, *forwarded), 1) == counted


def test_hops_are_counted_from_the_right() -> None:
    both = request("127.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.3")
    assert client_address(both, 2) == "203.0.113.9"
    assert client_address(both, 0) == "127.0.0.1"
    assert client_address(both, 9) == "127.0.0.1"


def test_rates_are_per_client_and_per_number() -> None:
    limits = Limits(register="2/minute", track="5/minute", track_number="2/hour")
    assert [limits.may_register("a") for _ in range(3)] == [True, True, False]
    assert limits.may_register("b")

    for client in ("c", "d"):
        assert limits.may_look_up(client, "HY-1")
        limits.note_failed_look_up("HY-1")
    assert not limits.may_look_up("e", "HY-1")
    assert limits.may_look_up("e", "HY-2")
    assert [limits.may_look_up("f", "HY-2") for _ in range(6)][-1] is False
