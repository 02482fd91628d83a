"""Channel addresses in Apprise's notation: parsed by Apprise, limited to what we can deliver honestly.

Apprise's plugins answer only yes or no: a refusal and a message that may have arrived look alike, the error
code a robot puts into a 200 reply is not read, and a mail gets a random Message-ID. So Apprise reads the
addresses and builds mails and signatures, and `transports` makes the one request itself.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from apprise.exception import AppriseException
from apprise.plugins.base import NotifyBase
from apprise.plugins.custom_form import NotifyForm
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.email import NotifyEmail
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.lark import NotifyLark
from apprise.plugins.wecombot import NotifyWeComBot

from services.notify.signing import key_of

__all__ = [
    "SCHEMAS",
    "AddressError",
    "Plugin",
    "Target",
    "building",
    "masked",
    "pace_of",
    "parse",
    "signing_key",
    "target_of",
]

Plugin = NotifyEmail | NotifyJSON | NotifyForm | NotifyDingTalk | NotifyWeComBot | NotifyFeishu | NotifyLark

SCHEMAS: Mapping[str, type[Any]] = {
    "mailto": NotifyEmail,
    "mailtos": NotifyEmail,
    "json": NotifyJSON,
    "jsons": NotifyJSON,
    "form": NotifyForm,
    "forms": NotifyForm,
    "dingtalk": NotifyDingTalk,
    "wecombot": NotifyWeComBot,
    "feishu": NotifyFeishu,
    "lark": NotifyLark,
}
_ROBOTS = NotifyDingTalk | NotifyWeComBot | NotifyFeishu | NotifyLark
_TLS_PORT, _PLAIN_PORT = 443, 80
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"([!-~]([\t -~]*[!-~])?)?")
_ROBOT_PACE = timedelta(seconds=3)  # robots are cut off after 20 messages a minute


class AddressError(ValueError):
    """The address cannot be used; the message, in Chinese, says why and shows nothing of it."""


@contextmanager
def building() -> Iterator[None]:
    """AddressError where no message can be built for an address, whatever the reason."""
    try:
        yield
    except Exception as error:
        raise AddressError("按这个地址写不出可以发送的消息，请检查其中的参数") from error


def parse(url: str) -> Plugin:
    """Return the Apprise plugin that an address names. AddressError if it is not one we send to."""
    schema, separator, _ = url.partition("://")
    kind = SCHEMAS.get(schema.lower())
    if kind is None or not separator:
        raise AddressError(f"看不懂这个地址，应以 {'、'.join(f'{one}://' for one in SCHEMAS)} 之一开头")
    try:
        parts = kind.parse_url(url)
        plugin: Plugin | None = kind(**parts) if parts else None
    except (AppriseException, TypeError, ValueError):
        plugin = None
    if plugin is None:
        raise AddressError("地址不完整，请对照 Apprise 格式检查")
    _check(plugin)
    signing_key(url)
    return plugin


def signing_key(url: str) -> bytes | None:
    """Return the key of a web hook with `?secret=whsec_…`, None for others. AddressError if it is no key."""
    kind = SCHEMAS.get(url.partition("://")[0].lower())
    if kind not in {NotifyJSON, NotifyForm}:
        return None
    secret = (kind.parse_url(url) or {"qsd": {}})["qsd"].get("secret")
    try:
        return None if secret is None else key_of(secret)
    except ValueError:
        raise AddressError("签名密钥应为 whsec_ 加上 24 到 64 字节的 Base64") from None


def _check(plugin: Plugin) -> None:
    if plugin.port is not None and not 0 < plugin.port < 65536:  # noqa: PLR2004 - ports
        raise AddressError("端口应在 1 到 65535 之间")
    if isinstance(plugin, NotifyEmail):
        if len(plugin.targets) != 1 or plugin.cc or plugin.bcc:
            raise AddressError("一个邮件渠道只写一个收件人，多个收件人请分别添加")
        if not f"{plugin.user or ''}{plugin.password or ''}".isascii():
            raise AddressError("邮件服务器的账号和密码只能用 ASCII 字符")
    elif isinstance(plugin, NotifyJSON | NotifyForm) and plugin.method != "POST":
        raise AddressError("网络回调只用 POST")
    if isinstance(plugin, NotifyEmail | NotifyJSON | NotifyForm):
        _check_headers(plugin.headers)


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise AddressError("以 + 开头的标头，名称和内容只能用可见的 ASCII 字符，不能换行")


@dataclass(frozen=True, slots=True)
class Target:
    """The server that a channel connects to."""

    host: str
    port: int
    encrypted: bool


def target_of(plugin: Plugin) -> Target:
    """Return the server a plugin's messages go to."""
    if isinstance(plugin, NotifyEmail):
        return Target(plugin.smtp_host, plugin.port or 0, encrypted=plugin.secure_mode != "insecure")
    if isinstance(plugin, NotifyJSON | NotifyForm):
        port = plugin.port or (_TLS_PORT if plugin.secure else _PLAIN_PORT)
        return Target(plugin.host, port, encrypted=bool(plugin.secure))
    return Target(urlsplit(plugin.notify_url).hostname or "", _TLS_PORT, encrypted=True)


def masked(plugin: Plugin, *, signed: bool = False) -> str:
    """Return the address as people may see it: where it leads, without passwords, tokens and paths."""
    schema = plugin.secure_protocol if plugin.secure else plugin.protocol
    name = (schema[0] if isinstance(schema, tuple) else schema) or plugin.secure_protocol
    if isinstance(plugin, NotifyEmail):
        return f"{name}://{plugin.smtp_host} → {plugin.targets[0][1]}"
    if isinstance(plugin, NotifyJSON | NotifyForm):
        port = f":{plugin.port}" if plugin.port else ""
        return f"{name}://{plugin.host}{port}/****{'?secret=****' if signed else ''}"
    token = plugin.key if isinstance(plugin, NotifyWeComBot) else plugin.token
    return f"{plugin.secure_protocol}://{token[:2]}****{token[-2:]}"


def pace_of(plugin: NotifyBase) -> timedelta:
    """Return the least pause between two messages through this channel."""
    return _ROBOT_PACE if isinstance(plugin, _ROBOTS) else timedelta(0)
