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


def limits(**rates: str) -> Limits:
    plenty = dict.fromkeys(("register", "track", "track_failed", "track_number"), "1000/hour")
    return Limits(**plenty | rates)


def test_registrations_are_counted_per_client_and_the_wait_is_told() -> None:
    counted = limits(register="2/minute")
    assert [counted.register("a") for _ in range(2)] == [0, 0]
    assert 50 < counted.register("a") <= 60
    assert counted.register("b") == 0


def test_failed_look_ups_are_counted_per_number() -> None:
    counted = limits(track_number="2/hour")
    assert [counted.look_up(client, "HY-1") for client in ("c", "d")] == [0, 0]
    assert 3590 < counted.look_up("e", "HY-1") <= 3600
    assert counted.look_up("e", "HY-2") == 0


def test_failed_look_ups_are_counted_per_client_whatever_the_numbers() -> None:
    counted = limits(track_failed="2/hour")
    assert [counted.look_up("c", number) for number in ("HY-1", "HY-2")] == [0, 0]
    assert 3590 < counted.look_up("c", "HY-3") <= 3600
    assert counted.look_up("d", "HY-3") == 0


def test_a_client_that_is_refused_does_not_use_up_the_number() -> None:
    counted = limits(track_failed="1/hour", track_number="2/hour")
    assert [bool(counted.look_up("c", "HY-1")) for _ in range(9)] == [False, *[True] * 8]
    assert counted.look_up("d", "HY-1") == 0


def test_a_look_up_that_found_something_is_no_failed_one() -> None:
    counted = limits(track_failed="2/hour", track_number="2/hour")
    for _ in range(9):
        assert counted.look_up("c", "HY-1") == 0
        counted.take_back("c", "HY-1")


def test_all_look_ups_are_counted_per_client() -> None:
    counted = limits(track="2/minute")
    for number in ("HY-1", "HY-2"):
        assert counted.look_up("c", number) == 0
        counted.take_back("c", number)
    assert 50 < counted.look_up("c", "HY-3") <= 60
