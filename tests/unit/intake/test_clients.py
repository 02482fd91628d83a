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


def test_registrations_are_counted_per_client_and_the_wait_is_told() -> None:
    limits = Limits(register="2/minute", track="5/minute", track_number="2/hour")
    assert [limits.register("a") for _ in range(2)] == [0, 0]
    assert 50 < limits.register("a") <= 60
    assert limits.register("b") == 0


def test_failed_look_ups_are_counted_per_number() -> None:
    limits = Limits(register="2/minute", track="5/minute", track_number="2/hour")
    assert [limits.look_up(client, "HY-1") for client in ("c", "d")] == [0, 0]
    assert 3590 < limits.look_up("e", "HY-1") <= 3600
    assert limits.look_up("e", "HY-2") == 0
    assert 50 < [limits.look_up("f", f"HY-{number}") for number in range(3, 9)][-1] <= 60


def test_a_look_up_that_found_something_is_no_failed_one() -> None:
    limits = Limits(register="2/minute", track="100/minute", track_number="2/hour")
    for _ in range(9):
        assert limits.look_up("c", "HY-1") == 0
        limits.found("HY-1")
