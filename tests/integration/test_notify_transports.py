"""One attempt against real receivers: what arrives, and what we know of it afterwards."""

import logging
import smtplib
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.notify.addresses import AddressError, parse
from services.notify.domain import Outcome
from services.notify.egress import Egress
from services.notify.transports import Message, Report, Transports, check_address, mail, web
from shared.clock import SystemClock
from tests.support.sinks import mailbox, raw_sink, web_hook

MESSAGE = Message("0192-key", "【新任务】HY-1 维修分公司", "任务 HY-1 已派给维修分公司。\n查看：http://h/1")
HERE_ONLY = [ip_network("127.0.0.0/8")]
HERE = Egress(HERE_ONLY)
SECRET = "whsec_+/" + "c2VjcmV0" * 5 + "Zw=="
TOKEN = "a1b2c3d4e5f6a7b8c9d0"


async def attempt(url: str, egress: Egress = HERE) -> Report:
    transports = Transports.create(egress, SystemClock())
    try:
        return await transports.send(url, MESSAGE)
    finally:
        await transports.client.aclose()


async def test_a_mail_arrives_readable_under_the_same_message_id_each_time() -> None:
    with mailbox() as box:
        first, second = await attempt(box.address()), await attempt(box.address())

        assert first == second == Report(Outcome.ACCEPTED)
        assert box.subjects() == [MESSAGE.title] * 2
        assert [mail.get_all("Message-ID") for mail in box.mails] == [["<0192-key@example.com>"]] * 2
        assert box.texts() == [MESSAGE.body] * 2


async def test_a_long_mail_keeps_to_the_length_of_lines() -> None:
    with mailbox() as box:
        long = Message("k", "长" * 200, "很长的一行" * 400 + "\n.\n末行")
        transports = Transports.create(HERE, SystemClock())
        assert await transports.send(box.address(), long) == Report(Outcome.ACCEPTED)
        await transports.client.aclose()

        assert box.texts() == [long.body]
        assert box.subjects() == [long.title]


async def test_a_mail_the_server_refuses_is_refused_with_its_code() -> None:
    with mailbox() as box:
        box.replies = ["554 no", "451 later"]

        assert await attempt(box.address()) == Report(Outcome.REFUSED, "邮件服务器拒收（554）")
        assert await attempt(box.address()) == Report(Outcome.REFUSED, "邮件服务器拒收（451）")
        assert box.mails == []


async def test_a_mail_server_that_is_away_or_no_mail_server_is_a_refusal() -> None:
    with mailbox() as box:
        gone = box.address()
    assert (await attempt(gone)).outcome is Outcome.REFUSED

    async with raw_sink(b"220 hello\r\n") as (port, _):
        url = f"mailto://127.0.0.1:{port}/?from=a@example.com&to=b@example.com&mode=insecure"
        assert (await attempt(url)).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("passwords", "login", "mode", "reason"),
    [
        (False, "user:secret@", "insecure", "邮件服务器不支持地址里要求的登录或加密方式"),
        (False, "", "starttls", "邮件服务器不支持地址里要求的登录或加密方式"),
        (True, "user:secret@", "insecure", "邮件服务器不接受账号或密码（535）"),
        (False, "", "ssl", "与邮件服务器的加密连接没有建立，请检查证书和端口"),
    ],
)
async def test_why_a_mail_server_does_not_let_us_in_is_told(
    passwords: bool, login: str, mode: str, reason: str
) -> None:
    schema = "mailto" if mode == "insecure" else "mailtos"
    with mailbox(passwords=passwords) as box:
        url = f"{schema}://{login}127.0.0.1:{box.port}/?from=a@example.com&to=b@example.com&mode={mode}"

        assert await attempt(url) == Report(Outcome.REFUSED, reason)
        assert box.mails == []


@pytest.mark.parametrize("schema", ["json", "form"])
async def test_a_web_hook_gets_title_text_and_an_idempotency_key(schema: str) -> None:
    with web_hook() as hook:
        url = hook.address(schema) + "?+X-Token=t&:kind=alert"
        assert await attempt(url) == Report(Outcome.ACCEPTED)

        (headers, body) = hook.requests[0]
        assert (body["title"], body["message"], body["kind"]) == (MESSAGE.title, MESSAGE.body, "alert")
        assert (headers["Idempotency-Key"], headers["X-Token"]) == ("0192-key", "t")
        assert headers["Host"] == f"127.0.0.1:{hook.server.port}"


@pytest.mark.parametrize("schema", ["json", "form"])
async def test_a_web_hook_with_a_secret_can_verify_what_it_gets(
    schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with web_hook() as hook:
        url = hook.address(schema) + f"?secret={SECRET}&+webhook-signature=v1,bm8="
        assert await attempt(url) == Report(Outcome.ACCEPTED)

    (headers, _), (body,) = hook.requests[0], hook.bodies
    receiver = Webhook(SECRET)
    receiver.verify(body, headers, json_parse=False)
    assert headers["Webhook-Id"] == headers["Idempotency-Key"] == MESSAGE.key
    for changed in (body + b" ", body.replace(b"HY-1", b"HY-2")):
        with pytest.raises(WebhookVerificationError):
            receiver.verify(changed, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(body, headers | {"Webhook-Id": "another"}, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(body, headers, json_parse=False)
    assert SECRET not in caplog.text + repr(headers) + body.decode()


async def test_a_web_hook_without_a_secret_gets_no_signature() -> None:
    with web_hook() as hook:
        assert await attempt(hook.address() + "?+Webhook-Signature=v1,bm8=") == Report(Outcome.ACCEPTED)

        (headers, _) = hook.requests[0]
        assert not [name for name in headers if name.lower().startswith("webhook-")]


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
async def test_a_web_hook_that_answers_an_error_or_elsewhere_refuses(status: int) -> None:
    with web_hook() as hook:
        hook.replies = [(status, {})]

        assert await attempt(hook.address()) == Report(Outcome.REFUSED, f"对方返回 HTTP {status}")
        assert len(hook.requests) == 1


async def test_a_web_hook_that_hangs_up_may_have_got_it() -> None:
    async with raw_sink() as (port, seen):
        report = await attempt(f"json://127.0.0.1:{port}/")

        assert report == Report(Outcome.LOST, "请求已发出，没有收到答复")
        assert len(seen) == 1


async def test_a_robot_that_answers_200_with_an_error_code_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_hook() as hook:
        plugin = type(parse(f"dingtalk://{TOKEN}"))
        here = f"http://127.0.0.1:{hook.server.port}/hook?access_token={{token}}"
        monkeypatch.setattr(plugin, "notify_url", here)
        hook.replies = [(200, {"errcode": 0}), (200, {"errcode": 130101}), (200, "what")]

        assert await attempt(f"dingtalk://geheim@{TOKEN}") == Report(Outcome.ACCEPTED)
        assert await attempt(f"dingtalk://{TOKEN}") == Report(Outcome.REFUSED, "对方返回错误 130101")
        assert (await attempt(f"dingtalk://{TOKEN}")).outcome is Outcome.LOST
        assert hook.requests[0][1]["text"]["content"] == f"{MESSAGE.title}\n{MESSAGE.body}"


async def test_nothing_is_sent_where_nothing_may_go() -> None:
    with web_hook() as hook, mailbox() as box:
        for url in (hook.address(), box.address()):
            report = await attempt(url, Egress(()))
            assert report == Report(Outcome.REFUSED, "这个地址在内部网络，未列入允许的范围")
        assert hook.requests == []
        assert box.mails == []


@pytest.mark.parametrize("named", ["Message-ID=x", "message-id=x", "To=z@example.com", "Subject=x"])
async def test_what_is_ours_in_a_mail_is_not_an_address_to_say(named: str) -> None:
    with mailbox() as box:
        assert await attempt(f"{box.address()}&+{named}") == Report(Outcome.ACCEPTED)

        (header, _, _) = named.partition("=")
        assert len(box.mails[0].get_all(header, [])) == 1
        assert box.mails[0]["Message-ID"] == "<0192-key@example.com>"


@pytest.mark.parametrize("part", ["post", "request", "mail"])
async def test_an_address_no_message_can_be_built_for_is_refused_at_entry_and_when_sending(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("message-id")

    with web_hook() as hook, mailbox() as box:
        url = box.address() if part == "mail" else hook.address()
        assert await check_address(url, HERE_ONLY)
        if part == "request":
            monkeypatch.setattr(httpx.AsyncClient, "build_request", broken)
        else:
            monkeypatch.setattr(*((web, "_post_of") if part == "post" else (mail, "_compose")), broken)

        with pytest.raises(AddressError, match="写不出可以发送的消息"):
            await check_address(url, HERE_ONLY)
        report = await attempt(url)
        assert report == Report(Outcome.REFUSED, "按这个地址写不出可以发送的消息，请检查其中的参数")
        assert (hook.requests, box.mails) == ([], [])


async def test_whatever_goes_wrong_before_a_mail_leaves_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise UnicodeEncodeError("ascii", "密码", 0, 1, "ordinal not in range")

    monkeypatch.setattr(smtplib.SMTP, "ehlo_or_helo_if_needed", broken)
    with mailbox() as box:
        assert await attempt(box.address()) == Report(Outcome.REFUSED, "连接不上邮件服务器")
        assert box.mails == []


async def test_an_attempt_that_breaks_in_the_middle_is_lost_and_not_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: Any) -> Report:
        raise KeyError("errcode")

    monkeypatch.setattr(web, "_judge", broken)
    with web_hook() as hook:
        report = await attempt(hook.address())

        assert report == Report(Outcome.LOST, "发送时出错，不知道对方是否收到")
        assert len(hook.requests) == 1
