"""One attempt to deliver a message through a channel, and what is known of it afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import httpx
from apprise.plugins.email import NotifyEmail

from services.notify.addresses import AddressError, masked, parse, signing_key
from services.notify.domain import Outcome
from services.notify.egress import Egress, TargetRefusedError
from services.notify.signing import Signer
from services.notify.transports.mail import prepare_mail, send_mail
from services.notify.transports.report import Message, Report
from services.notify.transports.web import prepare_web, send_web, web_client
from shared.clock import Clock
from shared.logs import get_logger

__all__ = ["Message", "Report", "Transports", "check_address"]

_log = get_logger(__name__)

MAX_ADDRESS = 500
_SAMPLE = Message(
    "0192f0c1-0000-7000-8000-000000000000", "【新任务】HY-2611-000001-K", "任务已派给维修分公司。"
)
_TOTAL_SECONDS = 45.0


@dataclass(slots=True)
class Transports:
    """The ways out. `client` is shared by all web requests of a process."""

    egress: Egress
    clock: Clock
    client: httpx.AsyncClient

    @classmethod
    def create(cls, egress: Egress, clock: Clock) -> "Transports":
        """Return transports with a client of their own; close it at the end."""
        return cls(egress, clock, web_client())

    async def send(self, url: str, message: Message) -> Report:
        """Try once. Never raises for what the other side, the network or the address does."""
        try:
            plugin, key = parse(url), signing_key(url)
            signer = None if key is None else Signer(key, self.clock)
            async with asyncio.timeout(_TOTAL_SECONDS):
                if isinstance(plugin, NotifyEmail):
                    return await send_mail(plugin, message, self.egress)
                return await send_web(self.client, plugin, message, self.egress, signer)
        except (AddressError, TargetRefusedError) as error:
            return Report(Outcome.REFUSED, str(error))
        except TimeoutError:
            return Report(Outcome.LOST, f"超过 {_TOTAL_SECONDS:.0f} 秒没有结果")
        except Exception as error:  # noqa: BLE001 - one channel's trouble is not that of the others
            _log.error("alert_attempt_broken", error=type(error).__name__)
            return Report(Outcome.LOST, "发送时出错，不知道对方是否收到")


async def check_address(url: str, internal: Sequence[IPv4Network | IPv6Network]) -> str:
    """Return an address as people may see it, once it is sure that we could send there: a message is built.

    AddressError, in Chinese, if it is not one we send to or leads where nothing may go.
    """
    if len(url) > MAX_ADDRESS:
        raise AddressError(f"地址太长，最多 {MAX_ADDRESS} 个字符")
    plugin, egress = parse(url), Egress(internal)
    try:
        if isinstance(plugin, NotifyEmail):
            await prepare_mail(plugin, _SAMPLE, egress)
        else:
            async with web_client() as client:
                await prepare_web(client, plugin, _SAMPLE, egress)
    except TargetRefusedError as error:
        raise AddressError(str(error)) from None
    return masked(plugin, signed=signing_key(url) is not None)
