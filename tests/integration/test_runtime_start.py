"""A service starts its consumers although Kafka or the database fails while it waits for the state topics."""

from collections.abc import Sequence

import asyncpg
import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError
from pydantic import SecretStr

import shared.runtime
from services.intake.app import FOLDER
from shared.inlet import Inlet
from shared.runtime import Runtime
from shared.settings import ServiceSettings


class _Starting(Runtime):
    """Subscribes to nothing, and fails in its first two tries."""

    tries = 0
    failure: Exception = GroupCoordinatorNotAvailableError()

    async def _subscribe(self, _group: str, _inlet: Inlet) -> None:
        return None

    async def _wait_for_state(self, _group: str, _topics: Sequence[str]) -> None:
        self.tries += 1
        if self.tries < 3:
            raise self.failure


@pytest.mark.parametrize(
    "failure",
    [GroupCoordinatorNotAvailableError(), asyncpg.CannotConnectNowError(), ConnectionRefusedError()],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_is_not_there_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(shared.runtime, "_RETRY_SECONDS", 0)
    runtime = _starting(failure)
    await runtime._start_or_give_up()
    assert runtime.tries == 3
    assert runtime._started


async def test_what_nobody_expects_ends_the_process() -> None:
    given_up: list[bool] = []
    runtime = _starting(KeyError("no such thing"))
    runtime.give_up = lambda: given_up.append(True)
    await runtime._start_or_give_up()
    assert given_up == [True]
    assert not runtime._started


def _starting(failure: Exception) -> _Starting:
    settings = ServiceSettings(
        database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), kafka_bootstrap="127.0.0.1:1"
    )
    runtime = _Starting(
        "intake", settings, migrations=FOLDER / "migrations", subscriptions=(), state_topics=()
    )
    runtime.failure = failure
    return runtime
