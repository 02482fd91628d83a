"""Each service dies at each point of taking a batch, once: redelivery has every effect exactly once."""

import pytest

from deploy.databases import SERVICES
from tests.support.trials import PATIENT, Trial
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(300)

POINTS = ("after_receive", "before_commit", "after_commit_before_ack", "after_ack")
OWN = {"intake": ("intake.after_commit_before_reply",)}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_consumer_that_dies_at_each_point_loses_nothing(trial: Trial, service: str) -> None:
    folder = trial.installation.crash_folder

    async def hurt() -> None:
        for point in (*(f"{service}.{name}" for name in POINTS), *OWN.get(service, ())):
            (folder / point).touch()
            await eventually(lambda: not any(folder.iterdir()), PATIENT)

    await trial.run(hurt)
