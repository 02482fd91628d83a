"""Channel addresses: which are taken, and what people see of them."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from services.notify.addresses import AddressError, masked, pace_of, parse, target_of

TOKEN = "a1b2c3d4e5f6a7b8c9d0"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mailto://mail.example.com:2525/?from=a@example.com&to=b@example.com", "mailto://mail.example.com"),
        ("mailtos://user:geheim@smtp.example.com/?to=b@example.com", "mailtos://smtp.example.com"),
        ("json://hooks.example.com:8443/path/geheim?+Authorization=geheim", "json://hooks.example.com:8443"),
        ("jsons://user:geheim@hooks.example.com/geheim", "jsons://hooks.example.com/****"),
        ("forms://hooks.example.com/geheim", "forms://hooks.example.com/****"),
        (f"dingtalk://{TOKEN}", "dingtalk://a1****d0"),
        (f"wecombot://{TOKEN}", "wecombot://a1****d0"),
        (f"feishu://{TOKEN}", "feishu://a1****d0"),
        (f"lark://{TOKEN}", "lark://a1****d0"),
    ],
)
def test_an_address_we_send_to_is_shown_without_its_secrets(url: str, shown: str) -> None:
    seen = masked(parse(url))

    assert seen.startswith(shown)
    assert "geheim" not in seen
    assert TOKEN not in seen


@pytest.mark.parametrize(
    "url",
    [
        "",
        "干什么",
        "http://example.com/",
        "slack://a/b/c",
        "syslog://",
        "json://",
        "mailto://",
        "dingtalk://不对",
        "json://example.com:99999/",
        "json://example.com/?method=DELETE",
        "mailto://mail.example.com/?from=a@example.com&to=b@example.com,c@example.com",
        "mailto://mail.example.com/?from=a@example.com&to=b@example.com&bcc=c@example.com",
        f"json://{quote('x y')}/",
    ],
)
def test_any_other_address_is_refused_with_a_reason_in_chinese(url: str) -> None:
    with pytest.raises(AddressError, match=r"[\u4e00-\u9fff]"):
        parse(url)


def test_robots_are_kept_below_twenty_messages_a_minute() -> None:
    assert pace_of(parse(f"dingtalk://{TOKEN}")) == timedelta(seconds=3)
    assert pace_of(parse("json://example.com/")) == timedelta(0)


@pytest.mark.parametrize(
    ("url", "host", "port", "encrypted"),
    [
        ("json://example.com/", "example.com", 80, False),
        ("jsons://example.com/", "example.com", 443, True),
        ("json://example.com:8080/", "example.com", 8080, False),
        ("mailto://example.com/?from=a@example.com&mode=insecure", "example.com", 25, False),
        ("mailtos://u:p@example.com/", "example.com", 587, True),
        (f"dingtalk://{TOKEN}", "oapi.dingtalk.com", 443, True),
    ],
)
def test_where_an_address_leads_is_known_before_it_is_used(
    url: str, host: str, port: int, encrypted: bool
) -> None:
    target = target_of(parse(url))

    assert (target.host, target.port, target.encrypted) == (host, port, encrypted)
