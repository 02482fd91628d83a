"""Mail: one message to one recipient, with a Message-ID that a second sending repeats."""

import asyncio
import contextlib
import email
import smtplib
import socket
import ssl
from email.header import Header
from typing import Any

from apprise.common import NotifyFormat
from apprise.plugins.email import NotifyEmail

from services.notify.addresses import Target, building, target_of
from services.notify.domain import Outcome
from services.notify.egress import Egress
from services.notify.transports.report import Message, Report
from shared.crashpoints import crash_point

__all__ = ["prepare_mail", "send_mail"]

BROKEN = "与邮件服务器的连接中途断开"
_STEP_SECONDS = 10.0
_SSL, _STARTTLS = "ssl", "starttls"
_OURS = {
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "subject",
    "to",
}


async def send_mail(plugin: NotifyEmail, message: Message, egress: Egress) -> Report:
    """Send once. Errors as `prepare_mail`."""
    address, mail = await prepare_mail(plugin, message, egress)
    return await asyncio.to_thread(_deliver, plugin, address, mail)


async def prepare_mail(plugin: NotifyEmail, message: Message, egress: Egress) -> tuple[str, str]:
    """The one address to connect to, which was checked, and the mail that delivers `message`.

    TargetRefusedError if the server may not be connected to, AddressError if there can be no such mail.
    """
    with building():
        target = target_of(plugin)
        mail = _compose(plugin, message)
    return await egress.resolve(target.host, target.port, encrypted=target.encrypted), mail


def _deliver(plugin: NotifyEmail, address: str, mail: str) -> Report:
    try:
        session = _connect(plugin, address)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing has left
        return Report(Outcome.REFUSED, _why_not_let_in(error))
    crash_point("notify.after_connect")
    try:
        session.sendmail(str(plugin.from_addr[1]), [plugin.targets[0][1]], mail)
        crash_point("notify.after_remote_accept")
    except smtplib.SMTPServerDisconnected:
        return Report(Outcome.LOST, BROKEN)
    except smtplib.SMTPException as error:  # an OSError too, but one the server spoke
        return Report(Outcome.REFUSED, f"邮件服务器拒收{_code(error)}")
    except OSError:
        return Report(Outcome.LOST, BROKEN)
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.quit()
    return Report(Outcome.ACCEPTED)


class _Session(smtplib.SMTP):
    """A session with the server at `address`, whatever its name means now; certificates are for the name."""

    def __init__(self, address: str, target: Target, **more: Any) -> None:
        self._address = address
        super().__init__(target.host.strip("[]"), target.port, timeout=_STEP_SECONDS, **more)

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        return super()._get_socket(self._address, port, timeout)  # type: ignore[misc,no-any-return]


class _EncryptedSession(_Session, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte on."""


def _connect(plugin: NotifyEmail, address: str) -> smtplib.SMTP:
    context = ssl.create_default_context()
    session: smtplib.SMTP
    target = target_of(plugin)
    if plugin.secure_mode == _SSL:
        session = _EncryptedSession(address, target, context=context)
    else:
        session = _Session(address, target)
    try:
        if plugin.secure_mode == _STARTTLS:
            session.starttls(context=context)
        if plugin.user and plugin.password:
            session.login(plugin.user, plugin.password)
        session.ehlo_or_helo_if_needed()
    except BaseException:
        session.close()
        raise
    return session


def _compose(plugin: NotifyEmail, message: Message) -> str:
    """The mail as Apprise builds it, all ASCII, under our own Message-ID and a subject in lawful lengths.

    ValueError if it is not all ASCII.
    """
    given = {name: value for name, value in plugin.headers.items() if name.lower() not in _OURS}
    (built,) = plugin.prepare_emails(
        subject=message.title,
        body=message.body,
        notify_format=NotifyFormat.TEXT,
        from_addr=plugin.from_addr,
        to=plugin.targets,
        reply_to=plugin.reply_to,
        smtp_host=plugin.smtp_host,
        headers={"X-Application": "Huiying"} | given,
        names=plugin.names,
    )
    mail = email.message_from_string(built.body)
    domain = str(plugin.from_addr[1]).partition("@")[2]
    mail.replace_header("Message-ID", f"<{message.key}@{domain}>")
    mail.replace_header("Subject", Header(message.title, "utf-8").encode())
    text = mail.as_string()
    text.encode("ascii")
    return text


def _why_not_let_in(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "邮件服务器不支持地址里要求的登录或加密方式"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"邮件服务器不接受账号或密码{_code(error)}"
    if isinstance(error, ssl.SSLError):
        return "与邮件服务器的加密连接没有建立，请检查证书和端口"
    return f"连接不上邮件服务器{_code(error)}"


def _code(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"（{error.smtp_code}）"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"（{'、'.join(str(code) for code in codes)}）"
    return ""
