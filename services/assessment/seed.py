"""The first data of an installation: rule book version 1. A version that is there is never changed."""

from pathlib import Path

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from services.assessment.domain.rulebook import read_rule_book
from shared import state
from shared.clock import Clock
from shared.contracts.assessment import RuleBookState

__all__ = ["seed"]

FIRST = Path(__file__).parent / "data" / "rulebook-1.yaml"


async def seed(session: AsyncSession, clock: Clock) -> None:
    """Publish the first rule book; repeatable. ValueError names what is wrong in the data file."""
    body = yaml.load(FIRST.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    read = read_rule_book(body)
    book = RuleBookState(version=read.version, in_force_from=read.in_force_from, body=body)
    if await state.find(session, RuleBookState, book.key) is None:
        await state.publish(session, book, source="assessment", at=clock.now())
