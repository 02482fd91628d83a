"""Web hooks and chat robots: one POST, to the resolved address, no redirects, its reply judged."""

import json
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from apprise.plugins.custom_form import NotifyForm
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.email import NotifyEmail
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

from services.notify.addresses import Plugin, building
from services.notify.domain import Outcome
from services.notify.egress import Egress
from services.notify.signing import SIGNATURE_HEADERS, Signer
from services.notify.transports.report import Message, Report
from shared.crashpoints import crash_point

__all__ = ["prepare_web", "send_web", "web_client"]

_REPLY_BYTES = 64 * 1024
_TLS_PORT, _PLAIN_PORT = 443, 80
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)
_OURS = SIGNATURE_HEADERS | {"content-length", "host", "idempotency-key", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class _Post:
    """One request to make. `code_field` is where a robot's reply tells an error."""

    url: str
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    code_field: str | None = None


def web_client() -> httpx.AsyncClient:
    """Return a client that follows no redirect, uses no proxy and keeps no connection open."""
    return httpx.AsyncClient(
        timeout=_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=0),
    )


async def send_web(
    client: httpx.AsyncClient, plugin: Plugin, message: Message, egress: Egress, signer: Signer | None
) -> Report:
    """Send once, signed if there is a signer. Errors as `prepare_web`."""
    post, request = await prepare_web(client, plugin, message, egress)
    if signer is not None:
        request.headers.update(signer.headers(message.key, request.content))
    try:
        response = await client.send(request, auth=post.auth, stream=True)
        crash_point("notify.after_remote_accept")
        try:
            return await _judge(response, post.code_field)
        finally:
            await response.aclose()
    except _UNSENT:
        return Report(Outcome.REFUSED, "连接不上对方")
    except httpx.HTTPError:
        return Report(Outcome.LOST, "请求已发出，没有收到答复")


async def prepare_web(
    client: httpx.AsyncClient, plugin: Plugin, message: Message, egress: Egress
) -> tuple[_Post, httpx.Request]:
    """The request that delivers `message`, to the one address that was checked.

    TargetRefusedError if the host may not be connected to, AddressError if there can be no such request.
    """
    with building():
        post = _post_of(plugin, message)
        parts = urlsplit(post.url)
        host = parts.hostname or ""
        encrypted = parts.scheme == "https"
        port = parts.port or (_TLS_PORT if encrypted else _PLAIN_PORT)
    address = await egress.resolve(host, port, encrypted=encrypted)
    with building():
        request = client.build_request(
            "POST",
            httpx.URL(post.url, host=address),
            json=post.json,
            data=post.form,
            params=post.params or None,
            headers=post.headers | {"Host": parts.netloc.rpartition("@")[2], "Idempotency-Key": message.key},
            extensions={"sni_hostname": host, "trace": _trace},
        )
    return post, request


async def _trace(event: str, _details: object) -> None:
    if event == "connection.connect_tcp.complete":
        crash_point("notify.after_connect")


async def _judge(response: httpx.Response, code_field: str | None) -> Report:
    if not response.is_success:
        return Report(Outcome.REFUSED, f"对方返回 HTTP {response.status_code}")
    if code_field is None:
        return Report(Outcome.ACCEPTED)
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _REPLY_BYTES:
            break
    try:
        reply = json.loads(body)
        code = reply[code_field]
    except (ValueError, TypeError, KeyError):
        return Report(Outcome.LOST, "看不懂对方的答复")
    return (
        Report(Outcome.ACCEPTED) if code == 0 else Report(Outcome.REFUSED, f"对方返回错误 {str(code)[:20]}")
    )


def _post_of(plugin: Plugin, message: Message) -> _Post:
    """The request that delivers `message`."""
    text = f"{message.title}\n{message.body}"
    match plugin:
        case NotifyJSON() | NotifyForm():
            return _hook(plugin, message)
        case NotifyDingTalk():
            return _dingtalk(plugin, text)
        case NotifyWeComBot():
            body = {"msgtype": "text", "text": {"content": text}}
            return _Post(plugin.api_url, json=body, code_field="errcode")
        case NotifyFeishu():
            url = plugin.notify_url.format(token=plugin.token)
            return _Post(url, json={"msg_type": "text", "content": {"text": text}}, code_field="code")
        case NotifyEmail():
            raise TypeError("mail is not sent over the web")
        case _:
            body = {"msg_type": "text", "content": {"text": text}}
            return _Post(plugin.webhook_url, json=body, code_field="code")


def _hook(plugin: NotifyJSON | NotifyForm, message: Message) -> _Post:
    """A web hook gets the fields that Apprise's own plugin sends."""
    scheme = "https" if plugin.secure else "http"
    port = f":{plugin.port}" if plugin.port else ""
    fields = {"version": "1.0", "title": message.title, "message": message.body, "type": "info"}
    fields |= plugin.payload_extras
    return _Post(
        f"{scheme}://{plugin.host}{port}{plugin.fullpath or '/'}",
        json=fields if isinstance(plugin, NotifyJSON) else None,
        form=fields if isinstance(plugin, NotifyForm) else None,
        params=plugin.params,
        headers={name: value for name, value in plugin.headers.items() if name.lower() not in _OURS},
        auth=(plugin.user, plugin.password or "") if plugin.user else None,
    )


def _dingtalk(plugin: NotifyDingTalk, text: str) -> _Post:
    url: str = plugin.notify_url.format(token=plugin.token)
    if plugin.secret:
        timestamp, signature = cast("tuple[str, str]", plugin.get_signature())  # type: ignore[no-untyped-call]
        url += f"&timestamp={timestamp}&sign={signature}"
    body = {
        "msgtype": "text",
        "text": {"content": text},
        "at": {"atMobiles": plugin.targets, "isAtAll": False},
    }
    return _Post(url, json=body, code_field="errcode")
