"""What the routes of one replica share: the counter at which reports are handed in."""

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from services.intake.clients import Limits, client_address
from services.intake.domain.reports import Given, check_report
from services.intake.settings import IntakeSettings
from services.intake.usecases.catalogue import CatalogueCache
from services.intake.usecases.group_commit import GroupCommit
from services.intake.usecases.register import Draft
from shared.clock import Clock
from shared.contracts.intake import Channel
from shared.database import Sessions
from shared.pages import Pages
from shared.pages.filters import duration_zh
from shared.problems import Problem

__all__ = ["PUBLIC", "Desk", "DeskDep", "PagesDep"]

PUBLIC = "public"
"""The actor of what somebody did who is not signed in."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes reports from every channel by the same path."""

    clock: Clock
    catalogue: CatalogueCache
    registrations: GroupCommit
    limits: Limits
    trusted_hops: int

    @classmethod
    def open(
        cls, settings: IntakeSettings, sessions: Sessions, registrations: GroupCommit, clock: Clock
    ) -> "Desk":
        """Build the desk of one replica; reads and connects nothing yet."""
        return cls(
            clock=clock,
            catalogue=CatalogueCache(sessions, clock),
            registrations=registrations,
            limits=Limits(
                register=settings.register_rate,
                track=settings.track_rate,
                track_failed=settings.track_failed_rate,
                track_number=settings.track_number_rate,
            ),
            trusted_hops=settings.trusted_hops,
        )

    async def register(self, given: Given, *, channel: Channel, actor: str, key: str | None) -> bytes:
        """Register a report and return the reply, after the commit.

        ReportError, KeyReusedError or UnfitDraftError if it cannot be registered.
        """
        received_at = self.clock.now()
        catalogue = await self.catalogue.current()
        report = check_report(given, catalogue.categories, located=channel is Channel.WEB)
        return await self.registrations.register(Draft(report, channel, received_at, actor, key))

    def client(self, scope: Scope) -> str:
        """The address a request is counted by."""
        return client_address(scope, self.trusted_hops)

    async def too_often(self, wait: int) -> Problem:
        """What is said to whom comes too often: how long to wait, and the phone that always answers."""
        office = (await self.catalogue.current()).office
        phone = f"；急事请直接拨打投诉电话 {office.complaint_phone}" if office else ""
        time = duration_zh(math.ceil(wait / 60)).replace(" 分", " 分钟")
        return Problem(429, f"短时间内次数太多，请过 {time}再试{phone}。", retry_after=wait)


def _desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _pages_of(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


DeskDep = Annotated[Desk, Depends(_desk_of)]
PagesDep = Annotated[Pages, Depends(_pages_of)]
