"""Services that several files of tests ask."""

from collections.abc import AsyncIterator

import httpx
import pytest

from shared.contracts.dispatch import Role
from tests.support.assessing import World, assessing
from tests.support.dispatch_people import Dispatch, dispatch_app
from tests.support.infrastructure import PostgresServer


@pytest.fixture
async def dispatch(postgres: PostgresServer) -> AsyncIterator[Dispatch]:
    async with dispatch_app(postgres) as replica:
        yield replica


@pytest.fixture
async def admin(dispatch: Dispatch) -> AsyncIterator[httpx.AsyncClient]:
    async with dispatch.client(await dispatch.token(Role.ADMINISTRATOR)) as client:
        yield client


@pytest.fixture
async def world(kafka: str, postgres: PostgresServer) -> AsyncIterator[World]:
    """Assessment, running."""
    async with assessing(kafka, postgres) as made:
        yield made
