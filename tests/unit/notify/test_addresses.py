"""Channel addresses: which are taken, and what people see of them."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from services.notify.addresses import AddressError, masked, pace_of, parse, signing_key, target_of

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
        f"jsons://example.com/?+X-Token={quote('中')}",
        "json://example.com/?+X-Token=a%0Ab",
        "json://example.com/?+X%20Token=a",
        "mailto://mail.example.com/?from=a@example.com&to=b@example.com&+X-A=a%0Ab",
        f"mailtos://user:{quote('密码')}@mail.example.com/?from=a@example.com&to=b@example.com",
        "json://example.com/?secret=",
        "json://example.com/?secret=geheim",
        "json://example.com/?secret=whsec_geheim",
        "json://example.com/?secret=whsec_密钥",
        f"json://example.com/?secret=whsec_{'A' * 31}",
        f"form://example.com/?secret=whsec_{'A' * 88}",
    ],
)
def test_any_other_address_is_refused_with_a_reason_in_chinese(url: str) -> None:
    with pytest.raises(AddressError, match=r"[\u4e00-\u9fff]"):
        parse(url)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("jsons://example.com/hook", None),
        (f"jsons://example.com/hook?secret=whsec_{'+/' * 16}", b"\xfb\xff\xbf" * 8),
        (f"FORMS://u:p@example.com/?+X=1&secret=whsec_{'A' * 33}E=", bytes(25)),
        (f"form://example.com/?secret=whsec_{'A' * 33}E", bytes(25)),
        (f"dingtalk://{TOKEN}?secret=geheim", None),
        ("mailto://example.com/?from=a@example.com&secret=geheim", None),
    ],
)
def test_a_web_hook_may_name_the_secret_its_deliveries_are_signed_with(url: str, key: bytes | None) -> None:
    parse(url)

    assert signing_key(url) == key


def test_a_signed_web_hook_shows_that_it_is_signed_and_no_secret() -> None:
    plugin = parse(f"jsons://example.com/hook?secret=whsec_{'A' * 32}")

    assert masked(plugin, signed=True) == "jsons://example.com/****?secret=****"


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
