"""A mail goes to the address that was checked, also where the name means another one a moment later."""

import socket
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from services.notify.domain import Outcome
from services.notify.egress import Egress
from services.notify.transports import Message, Report, Transports
from shared.clock import SystemClock
from tests.support.certificates import server_context
from tests.support.sinks import mailbox

NAME = "mail.rebinding.test"
CHECKED, INSIDE = "127.0.0.1", "127.0.0.9"


@dataclass
class Resolver:
    """Tells the checked address of NAME first and another one from then on."""

    real: Any
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, *more: Any, **named: Any) -> Any:
        if host != NAME:
            return self.real(host, *more, **named)
        self.asked.append(host)
        return self.real(CHECKED if len(self.asked) == 1 else INSIDE, *more, **named)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


async def mail(port: int, mode: str) -> Report:
    schema = "mailto" if mode == "insecure" else "mailtos"
    url = f"{schema}://{NAME}:{port}/?from=a@example.com&to=b@example.com&mode={mode}"
    transports = Transports.create(Egress([ip_network(f"{CHECKED}/32")]), SystemClock())
    try:
        return await transports.send(url, Message("0192-key", "【新任务】HY-1", "已派给维修分公司。"))
    finally:
        await transports.client.aclose()


def speaking(mode: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How a mailbox speaks in this mode; its certificate is for `name`, and trusted here."""
    context, trusted = server_context(name, folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return {"insecure": {}, "ssl": {"ssl_context": context}, "starttls": {"tls_context": context}}[mode]


@pytest.mark.parametrize("mode", ["insecure", "ssl", "starttls"])
async def test_a_name_that_changes_its_mind_after_the_check_leads_nowhere_else(
    resolver: Resolver, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailbox(**speaking(mode, NAME, tmp_path, monkeypatch)) as box:
        assert await mail(box.port, mode) == Report(Outcome.ACCEPTED)

        assert box.subjects() == ["【新任务】HY-1"]
        assert resolver.asked == [NAME]


@pytest.mark.parametrize("mode", ["ssl", "starttls"])
@pytest.mark.usefixtures("resolver")
async def test_a_certificate_must_be_for_the_name_and_not_for_the_address(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailbox(**speaking(mode, "other.test", tmp_path, monkeypatch)) as box:
        refused = Report(Outcome.REFUSED, "与邮件服务器的加密连接没有建立，请检查证书和端口")
        assert await mail(box.port, mode) == refused

        assert box.mails == []
