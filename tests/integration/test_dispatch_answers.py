"""Answers recorded in another system: before or after their complaint, judged in event time, once."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.dispatch.domain.answers import LONGEST_ANSWER
from services.dispatch.usecases.answers import RecordedAnswer
from shared.clock import SystemClock
from shared.contracts.envelope import Origin
from shared.contracts.intake import ComplaintContent, ComplaintRegistered
from tests.support.dispatch import Desk, complaint, desk, minutes_ago
from tests.support.infrastructure import PostgresServer

REGISTERED = datetime(2019, 4, 1, 1, 12, tzinfo=UTC)
IN_TIME = REGISTERED + timedelta(days=2)
LATE = REGISTERED + timedelta(days=30)
TEXT = "您反映的问题已经处理。"


@pytest.fixture
async def at_desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with desk(postgres) as made:
        yield made


def message(external_id: str = "1") -> tuple[ComplaintContent, ComplaintRegistered]:
    return complaint(
        REGISTERED,
        text="物业服务态度差",
        category="general.service",
        source="旧系统",
        external_id=external_id,
    )


def reply(external_id: str = "1", answered_at: datetime = IN_TIME, text: str = TEXT) -> RecordedAnswer:
    return RecordedAnswer("旧系统", external_id, text, answered_at)


async def outcomes(at_desk: Desk, *rows: RecordedAnswer) -> list[tuple[str, str | None]]:
    return [(one.outcome.value, one.reason) for one in await at_desk.import_answers(*rows)]


@pytest.mark.parametrize("answer_first", [True, False])
async def test_a_late_recorded_answer_is_judged_in_event_time_whichever_comes_first(
    at_desk: Desk, answer_first: bool
) -> None:
    pair = message()
    if answer_first:
        assert await outcomes(at_desk, reply(answered_at=LATE)) == [("accepted", None)]
    (case_id,) = await at_desk.register(pair, origin=Origin.HISTORY)
    if not answer_first:
        assert await outcomes(at_desk, reply(answered_at=LATE)) == [("accepted", None)]

    told = await at_desk.told(case_id)
    assert [(one.name, one.seq) for one in told] == [
        ("assigned", 1),
        ("deadline_missed", 2),
        ("content", 1),
        ("answered", 3),
    ]
    assigned, missed, _, answered = told
    assert {one.origin for one in told} == {"history"}
    assert assigned.occurred_at == REGISTERED
    assert (missed.body["kind"], missed.occurred_at.isoformat()) == (
        "answer",
        missed.body["due_at"].replace("Z", "+00:00"),
    )
    assert datetime.fromisoformat(missed.body["stopped_at"]) == answered.occurred_at == LATE
    assert missed.body["elapsed_minutes"] > missed.body["budget_minutes"] == 2400
    assert missed.body["workdays_late"] > 10
    assert answered.body["stopped"][0]["elapsed_minutes"] == missed.body["elapsed_minutes"]


async def test_an_answer_in_time_is_no_miss_and_unrecorded_clocks_are_marked(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(message(), origin=Origin.HISTORY)
    await at_desk.import_answers(reply())

    assert await at_desk.names(case_id) == ["assigned", "content", "answered"]
    case = await at_desk.case(case_id)
    assert (case["state"], case["open"], case["assigned_at"]) == ("answered", False, REGISTERED)
    assert case["next_clock"] is None
    clocks = await at_desk.rows("SELECT kind, live, recorded, met_at, fired_at FROM deadlines ORDER BY 1")
    assert clocks == [("accept", False, False, None, None), ("answer", False, True, IN_TIME, None)]


async def test_importing_again_changes_nothing(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(message(), origin=Origin.HISTORY)
    await at_desk.import_answers(reply(), reply("2"))
    before = await at_desk.names(case_id)

    assert await outcomes(at_desk, reply(), reply("2"), reply("2")) == [("already_there", None)] * 3
    assert await at_desk.names(case_id) == before


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (reply(text=" \r\n\t"), "请写答复内容"),
        (reply(text="长" * (LONGEST_ANSWER + 1)), f"答复太长，最多 {LONGEST_ANSWER} 个字"),
        (reply(answered_at=datetime(2099, 1, 1, tzinfo=UTC)), "答复时间在将来"),
        (reply(answered_at=REGISTERED - timedelta(minutes=1)), "答复时间早于反映时间"),
    ],
)
async def test_a_row_that_cannot_be_is_refused_and_the_rest_goes_on(
    at_desk: Desk, row: RecordedAnswer, reason: str
) -> None:
    first, _second = await at_desk.register(message("1"), message("2"), origin=Origin.HISTORY)

    assert await outcomes(at_desk, row, reply("2")) == [("refused", reason), ("accepted", None)]
    assert await at_desk.names(first) == ["assigned"]
    assert await outcomes(at_desk, reply("1")) == [("accepted", None)]


async def test_another_text_for_the_same_complaint_is_refused(at_desk: Desk) -> None:
    await at_desk.register(message(), origin=Origin.HISTORY)
    rows = (reply(), reply(text="另一份答复"))

    assert await outcomes(at_desk, *rows) == [
        ("accepted", None),
        ("refused", "这件反映已经导入过另一份答复"),
    ]
    assert await outcomes(at_desk, reply(answered_at=LATE)) == [("refused", "这件反映已经导入过另一份答复")]


async def test_a_waiting_answer_that_does_not_fit_is_refused_when_its_complaint_comes(at_desk: Desk) -> None:
    early = REGISTERED - timedelta(days=1)
    assert await outcomes(at_desk, reply(answered_at=early)) == [("accepted", None)]
    (case_id,) = await at_desk.register(message(), origin=Origin.HISTORY)

    assert await at_desk.names(case_id) == ["assigned"]
    rows = await at_desk.rows("SELECT state, reason FROM imported_answers")
    assert rows == [("refused", "答复时间早于反映时间")]
    assert await outcomes(at_desk, reply()) == [("accepted", None)]
    assert await at_desk.names(case_id) == ["assigned", "content", "answered"]


async def test_a_live_complaint_takes_no_recorded_answer(at_desk: Desk) -> None:
    pair = complaint(minutes_ago(60), source="旧系统", external_id="1")
    (case_id,) = await at_desk.register(pair)

    ((outcome, reason),) = await outcomes(at_desk, reply(answered_at=SystemClock().now()))
    assert (outcome, reason) == ("refused", "这件反映由本系统办理，请在任务清单里答复")
    assert await at_desk.names(case_id) == ["assigned"]


async def test_complaints_and_answers_coming_at_the_same_time_never_miss_each_other(at_desk: Desk) -> None:
    chance = random.Random(5)
    pairs = [message(str(number)) for number in range(60)]
    replies = [reply(str(number)) for number in range(60)]
    chance.shuffle(pairs)
    chance.shuffle(replies)
    work = [at_desk.register(*pairs[start : start + 10], origin=Origin.HISTORY) for start in range(0, 60, 10)]
    work += [at_desk.import_answers(*replies[start : start + 10]) for start in range(0, 60, 10)]  # type: ignore[misc]
    await asyncio.gather(*work)

    assert await at_desk.rows("SELECT state, count(*) FROM cases GROUP BY 1") == [("answered", 60)]
    assert await at_desk.rows("SELECT state, count(*) FROM imported_answers GROUP BY 1") == [("applied", 60)]
    answered = await at_desk.rows("SELECT count(*) FROM outbox WHERE type = 'assignment.answered.v1'")
    assert answered == [(60,)]


async def test_a_batch_is_counted_in_the_audit_trail(at_desk: Desk) -> None:
    await at_desk.import_answers(reply(), replace(reply("2"), text=""))

    (row,) = await at_desk.rows(
        "SELECT actor, action, detail->>'accepted', detail->>'refused' FROM audit_entries"
    )
    assert row == ("tester", "answers.import", "1", "1")


async def test_an_answer_finds_its_complaint_by_names_that_came_dirty(at_desk: Desk) -> None:
    (case_id,) = await at_desk.register(message(), origin=Origin.HISTORY)

    dirty = replace(reply("\u20021\x1b\u200b"), source="旧系\x07统\r\n ")
    nameless = replace(reply("2"), source="\u200b")

    assert await outcomes(at_desk, dirty, nameless) == [
        ("accepted", None),
        ("refused", "来源和编号必须填写"),
    ]
    assert (await at_desk.names(case_id))[-1] == "answered"
