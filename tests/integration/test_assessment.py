"""Assessment as a running service: from events on Kafka to the statement a unit reads."""

import re
from random import Random
from typing import Any
from uuid import uuid4

from shared.contracts.dispatch import Role
from shared.ids import uuid7
from tests.support.assessing import APRIL, LIMIT, World, record, two_late_cases
from tests.support.assessment import Facts, history
from tests.support.publishing import Published, units
from tests.support.wait import eventually

HTML = {"Accept": "text/html"}


async def test_a_statement_names_every_unit_and_each_line_can_be_proved(world: World) -> None:
    facts, first, second = two_late_cases()
    await world.publish(facts)
    await world.taken(facts)

    found = await world.statement()
    assert (found["month"], found["rule_book_version"]) == ("2019-04", 1)
    assert [one["unit"] for one in found["units"]] == [unit.name for unit in units()]
    repair = next(one for one in found["units"] if one["unit"] == "维修分公司")
    assert repair["total_fen"] == -15_000
    assert sum(one["total_fen"] for one in found["units"]) == -15_000
    base, repeat = repair["entries"]
    assert (base["case"], base["clause"], base["amount_fen"]) == ("HY-1904-000000-X", "C-ACCEPT-LATE", -5000)
    assert (repeat["complaint_id"], repeat["amount_fen"]) == (str(second), -10_000)
    assert "×2" in repeat["explanation"]
    assert len(repeat["evidence"]) == 2

    for event_id in repeat["evidence"]:
        evidence = (await world.office.get(f"/assessment/api/evidence/{event_id}")).json()
        assert (evidence["type"], evidence["topic"]) == ("assignment.deadline_missed.v1", "assignment.events")
        assert evidence["complaint_id"] in {str(first), str(second)}
    for complaint in (str(second), "HY-1904-000001-X"):
        ledger = (await world.office.get(f"/assessment/api/ledger/{complaint}")).json()
        assert (ledger["total_fen"], [one["amount_fen"] for one in ledger["entries"]]) == (-10_000, [-10_000])
    assert await world.statement(unit="维修分公司") == await world.statement(unit="repair")
    assert [one["unit_code"] for one in (await world.statement(unit="repair"))["units"]] == ["repair"]


async def test_shuffled_and_repeated_events_over_kafka_give_the_same_statement(world: World) -> None:
    random = Random(42)
    facts = history(random, 60)
    records = [*facts.envelopes, *random.sample(facts.envelopes, k=60)]
    random.shuffle(records)
    await world.publish(records)
    await world.taken(facts)
    expected: dict[tuple[str, str], int] = {}
    for unit, month, fen in facts.expected().values():
        expected[month, unit] = expected.get((month, unit), 0) + fen

    async def stated() -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (month, one["unit_code"]): one
            for month in {month for month, _ in expected}
            for one in (await world.statement(month))["units"]
            if one["entries"]
        }

    before = await stated()
    assert {key: one["total_fen"] for key, one in before.items()} == expected
    for one in before.values():
        times = [entry["occurred_at"] for entry in one["entries"]]
        assert times == sorted(times)
    await world.publish(facts)
    marker = Facts()
    marker.register(uuid7(), APRIL)
    await world.publish(marker)

    async def marker_taken() -> bool:
        return bool(
            await world.system.value(
                "assessment",
                "SELECT EXISTS (SELECT 1 FROM inbox WHERE key = $1)",
                marker.envelopes[0].key,
            )
        )

    await eventually(marker_taken, timeout=LIMIT / 2)
    assert await stated() == before
    assert await world.system.value("assessment", "SELECT count(*) FROM dead_letters") == 0


async def test_what_is_not_there_says_why(world: World) -> None:
    for month, status, says in [
        ("2019-13", 422, "2019-04 这样"),
        ("2019-4", 422, "2019-04 这样"),
        ("abc", 422, "2019-04 这样"),
        ("２０１９-04", 422, "2019-04 这样"),
        ("2010-12", 404, "没有更早"),
        ("2999-01", 404, "还没有到"),
    ]:
        reply = await world.office.get(f"/assessment/api/statements/{month}")
        assert (reply.status_code, says in reply.json()["detail"]) == (status, True), month
    unit = await world.office.get("/assessment/api/statements/2019-04?unit=nobody")
    assert unit.status_code == 422
    assert "维修分公司" in unit.json()["detail"]
    for path in ("evidence", "ledger"):
        assert (await world.office.get(f"/assessment/api/{path}/{uuid4()}")).status_code == 404
    assert (await world.office.get("/assessment/api/evidence/nothing")).status_code == 422


async def test_a_unit_sees_its_own_statement_alone(world: World) -> None:
    facts, first, _ = two_late_cases()
    await world.publish(facts)
    await world.taken(facts)
    event_id = facts.misses[0].event_id
    async with (
        world.client(Role.UNIT_LEADER, "water") as water,
        world.client(Role.UNIT_MEMBER, "repair") as repair,
    ):
        found = (await water.get("/assessment/api/statements/2019-04")).json()
        assert [(one["unit_code"], one["total_fen"]) for one in found["units"]] == [("water", 0)]
        assert (await water.get("/assessment/api/statements/2019-04?unit=repair")).status_code == 403
        assert (await water.get("/assessment/statements/2019-04/repair", headers=HTML)).status_code == 403
        for hidden in (f"evidence/{event_id}", f"ledger/{first}"):
            assert (await water.get(f"/assessment/api/{hidden}")).status_code == 404
            assert (await repair.get(f"/assessment/api/{hidden}")).status_code == 200
    async with world.system.client("assessment") as public:
        assert (await public.get("/assessment/api/statements/2019-04")).status_code == 401
        asked = await public.get("/assessment/statements?month=2019-04", headers=HTML)
        assert asked.status_code == 303
        assert asked.headers["location"].startswith("/dispatch/sign-in?next=")


async def test_the_pages_lead_from_the_month_to_the_evidence(world: World) -> None:
    facts, _, second = two_late_cases()
    await world.publish(facts)
    await world.taken(facts)
    home = await world.office.get("/assessment", headers=HTML)
    assert (home.status_code, home.headers["location"]) == (303, "/assessment/statements")
    named = await world.office.get("/assessment?month=2019-04", headers=HTML)
    assert named.headers["location"] == "/assessment/statements?month=2019-04"
    assert (await world.office.get("/assessment/statements", headers=HTML)).status_code == 200

    month = (await world.office.get("/assessment/statements?month=2019-04", headers=HTML)).text
    assert "-150.00 元" in month
    assert '/assessment/statements/2019-04/repair"' in month
    unit = (await world.office.get("/assessment/statements/2019-04/repair", headers=HTML)).text
    assert unit.index("HY-1904-000000-X") < unit.index("HY-1904-000001-X")
    assert re.findall(r">(接单超时[^<]*)<", unit) == ["接单超时", "接单超时", "接单超时（HY-1904-000000-X）"]
    evidence = next(one for one in facts.misses if one.case_id == second).event_id
    assert f"/assessment/evidence/{evidence}" in unit
    shown = (await world.office.get(f"/assessment/evidence/{evidence}", headers=HTML)).text
    assert "2019-04-19 18:00" in shown
    assert "HY-1904-000001-X" in shown
    wrong = await world.office.get("/assessment/statements?month=1999-01", headers=HTML)
    assert wrong.status_code == 404
    assert "没有更早" in wrong.text
    nowhere = await world.office.get(f"/assessment/statements/2019-04/repair?after={uuid4()}", headers=HTML)
    assert nowhere.status_code == 404
    assert "从第一页看起" in nowhere.text


async def test_an_event_of_an_unknown_rule_book_holds_its_own_complaint_only(world: World) -> None:
    facts, first, second = two_late_cases()
    spoiled = next(
        place for place, one in enumerate(facts.envelopes) if b"deadline_id" in (one.raw.value or b"")
    )
    good = record(facts.envelopes[spoiled])
    bad = Published(
        good.topic,
        good.key,
        good.value.replace(b'"rule_book_version":1', b'"rule_book_version":7'),
        good.headers,
        good.event_id,
    )
    await world.publish(facts.envelopes[:spoiled])
    await world.publisher.send([bad])
    await world.publish(facts.envelopes[spoiled + 1 :])

    async def dead() -> bool:
        return bool(await world.system.value("assessment", "SELECT count(*) = 1 FROM dead_letters"))

    await eventually(dead, timeout=LIMIT / 2)

    async def other_booked() -> bool:
        (repair,) = (await world.statement(unit="repair"))["units"]
        return [entry["complaint_id"] for entry in repair["entries"]] == [str(second)]

    await eventually(other_booked, timeout=LIMIT / 2)
    assert first != second
