"""What a draft fixes before it is registered."""

from datetime import UTC, datetime

import pytest

from services.intake.domain.reports import Report
from services.intake.usecases.register import Draft
from shared.contracts.intake import Channel

REPORT = Report("三号楼电梯坏了", "电梯", "三号楼", "王建国", "+8613800000000", "repair.lift", None)


def draft(report: Report, channel: Channel = Channel.API) -> Draft:
    return Draft(report, channel, datetime(2026, 11, 22, tzinfo=UTC), "public", "k")


def test_the_fingerprint_stays_what_it_was_for_keys_that_were_answered_years_ago() -> None:
    assert draft(REPORT).fingerprint == "65c9e7d0850eae97c35c708c8c55ca20bf8d03c49aa817480d747d2f46cbe9e7"


@pytest.mark.parametrize("field", Report._fields)
def test_a_report_that_differs_in_one_field_has_another_fingerprint(field: str) -> None:
    assert draft(REPORT._replace(**{field: "x"})).fingerprint != draft(REPORT).fingerprint


def test_the_same_report_by_another_channel_has_another_fingerprint() -> None:
    assert draft(REPORT, Channel.PHONE).fingerprint != draft(REPORT).fingerprint
