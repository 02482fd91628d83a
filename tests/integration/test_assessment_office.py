"""What the office decides about months, over HTTP: who may, what it shows, what it refuses."""

from datetime import timedelta

import pytest

from services.assessment.domain.facts import ClockKind
from shared.contracts.dispatch import Role
from shared.ids import uuid7
from tests.support.assessing import APRIL, World, two_late_cases

HTML = {"Accept": "text/html"}
OPEN_MONTH = "/assessment/api/months/2019-04/freeze"
POOL = {"unit": "repair", "from_month": "2019-04", "amount_fen": 100_000}


async def test_only_the_office_and_administrators_freeze_months_and_enter_pools(world: World) -> None:
    for role, unit in [
        (Role.UNIT_LEADER, "repair"),
        (Role.UNIT_MEMBER, "repair"),
        (Role.OPERATOR, None),
        (Role.COMPANY_LEADER, None),
        (Role.SERVICE, None),
    ]:
        async with world.client(role, unit) as client:
            for path, body in [(OPEN_MONTH, None), ("/assessment/api/pools", POOL)]:
                assert (await client.post(path, json=body)).status_code == 403, (role, path)
            for path in ("statements/2019-04/freeze", "pools"):
                reply = await client.post(f"/assessment/{path}", data={"checked": "true"}, headers=HTML)
                assert reply.status_code == 403, (role, path)
            month = (await client.get("/assessment/statements?month=2019-04", headers=HTML)).text
            pools = (await client.get("/assessment/pools", headers=HTML)).text
            assert "冻结 2019-04" not in month
            assert '<form method="post" action="/assessment/pools">' not in pools
    async with world.system.client("assessment") as public:
        assert (await public.post(OPEN_MONTH)).status_code == 401
        assert (await public.post("/assessment/api/pools", json=POOL)).status_code == 401
        assert (await public.get("/assessment/api/pools")).status_code == 401
    async with world.client(Role.ADMINISTRATOR) as admin:
        assert (await admin.post("/assessment/api/pools", json=POOL)).status_code == 204
        frozen = await admin.post(OPEN_MONTH)
        assert (frozen.status_code, frozen.json()["month"]) == (200, "2019-04")
        assert (await world.office.post(OPEN_MONTH)).json() == frozen.json()


async def test_the_office_caps_and_freezes_a_month_on_the_pages(world: World) -> None:
    facts, _, _ = two_late_cases()
    await world.publish(facts)
    await world.taken(facts)
    office = world.office
    assert "不封顶" in (await office.get("/assessment/pools", headers=HTML)).text

    form = {"unit": "repair", "from_month": "2019-04", "amount": "1,000"}
    entered = await office.post("/assessment/pools", data=form, headers=HTML)
    assert (entered.status_code, entered.headers["location"]) == (303, "/assessment/pools")
    pools = (await office.get("/assessment/pools", headers=HTML)).text
    assert "1,000.00 元" in pools
    month = (await office.get("/assessment/statements?month=2019-04", headers=HTML)).text
    assert "-100.00 元" in month
    assert "单月封顶" in month
    unit = (await office.get("/assessment/statements/2019-04/repair", headers=HTML)).text
    assert "冲减 50.00 元" in unit
    assert unit.index("HY-1904-000001-X") < unit.index("C-MONTH-CAP")

    unchecked = await office.post("/assessment/statements/2019-04/freeze", headers=HTML)
    assert (unchecked.status_code, "请先勾选" in unchecked.text) == (422, True)
    checked = await office.post(
        "/assessment/statements/2019-04/freeze", data={"checked": "true"}, headers=HTML
    )
    assert (checked.status_code, checked.headers["location"]) == (
        303,
        "/assessment/statements?month=2019-04",
    )
    lifted = await office.post(
        "/assessment/pools",
        data=form | {"from_month": "2019-05", "amount": "", "uncapped": "true"},
        headers=HTML,
    )
    assert lifted.status_code == 303
    assert [one["amount_fen"] for one in (await office.get("/assessment/api/pools")).json()] == [
        None,
        100_000,
    ]
    frozen = (await office.get("/assessment/statements?month=2019-04", headers=HTML)).text
    assert "已冻结" in frozen
    assert "各单位已经核对" not in frozen
    refused = await office.post("/assessment/pools", data=form, headers=HTML)
    assert (refused.status_code, "2019-04 已冻结" in refused.text) == (422, True)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"unit": "", "from_month": "2019-04", "amount": "1"}, "请选择单位"),
        ({"unit": "nobody", "from_month": "2019-04", "amount": "1"}, "维修分公司"),
        ({"unit": "repair", "from_month": "", "amount": "1"}, "2019-04 这样"),
        ({"unit": "repair", "from_month": "2999-01", "amount": "1"}, "最多提前一年"),
        ({"unit": "repair", "from_month": "2019-04", "amount": "12万"}, "例如 120000"),
        ({"unit": "repair", "from_month": "2019-04", "amount": ""}, "两者只取其一"),
        ({"unit": "repair", "from_month": "2019-04", "amount": "1", "uncapped": "true"}, "两者只取其一"),
    ],
)
async def test_a_wrong_pool_is_shown_again_with_what_is_wrong(
    world: World, form: dict[str, str], says: str
) -> None:
    reply = await world.office.post("/assessment/pools", data=form, headers=HTML)

    assert (reply.status_code, says in reply.text) == (422, True)
    assert "<form" in reply.text
    assert (await world.office.get("/assessment/api/pools")).json() == []


async def test_the_api_says_what_is_wrong_with_a_pool_or_a_month(world: World) -> None:
    for body in (
        POOL | {"amount_fen": -1},
        POOL | {"amount_fen": 1.5},
        POOL | {"amount_fen": "100"},
        POOL | {"amount_fen": 10**13},
        POOL | {"unit": "nobody"},
        POOL | {"from_month": "2019-4"},
        POOL | {"percent": 10},
        {"unit": "repair"},
    ):
        reply = await world.office.post("/assessment/api/pools", json=body)
        assert reply.status_code == 422, body
        assert reply.json()["errors"], body
    for month, status in [("2019-13", 422), ("2010-12", 404), ("2999-01", 404)]:
        reply = await world.office.post(f"/assessment/api/months/{month}/freeze")
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (status, "month")
    now = (await world.office.get("/assessment/statements", headers=HTML)).text
    assert "各单位已经核对" not in now
    this_month = now.partition("<title>")[2][:7]
    reply = await world.office.post(f"/assessment/api/months/{this_month}/freeze")
    assert (reply.status_code, "还没有结束" in reply.json()["detail"]) == (422, True)


async def test_what_comes_after_freezing_is_in_the_next_months_statement_with_its_reference(
    world: World,
) -> None:
    facts, _, second = two_late_cases()
    await world.publish(facts)
    await world.taken(facts)
    assert (await world.office.post(OPEN_MONTH)).status_code == 200
    before = await world.statement("2019-04")
    assert before["frozen_at"] is not None
    earlier = uuid7()
    facts.register(earlier, APRIL, "HY-1904-000007-X")
    facts.assign(earlier, "repair", APRIL)
    facts.miss(earlier, "repair", ClockKind.ACCEPT, APRIL + timedelta(hours=7))
    await world.publish(facts)
    await world.taken(facts)

    assert await world.statement("2019-04") == before
    (repair,) = (await world.statement("2019-05", unit="repair"))["units"]
    lines = [
        (one["case"], one["amount_fen"], one["frozen_month"], one["reverses"] is not None)
        for one in repair["entries"]
    ]
    assert sorted(lines) == [
        ("HY-1904-000000-X", -10_000, "2019-04", False),
        ("HY-1904-000000-X", 5_000, "2019-04", True),
        ("HY-1904-000007-X", -5_000, "2019-04", False),
    ]
    assert repair["total_fen"] == sum(one["amount_fen"] for one in repair["entries"]) == -10_000
    page = (await world.office.get("/assessment/statements/2019-05/repair", headers=HTML)).text
    assert page.count("补记 2019-04") == len(lines)
    assert "冲销" in page
    assert "· 3 条" in page
    evidence = repair["entries"][0]["evidence"][0]
    shown = (await world.office.get(f"/assessment/evidence/{evidence}?month=2019-05", headers=HTML)).text
    assert f"/assessment/evidence/{evidence}?month=2019-05" in page
    assert 'href="/assessment/statements/2019-05/repair"' in shown
    ledger = (await world.office.get(f"/assessment/api/ledger/{second}")).json()
    assert [one["frozen_month"] for one in ledger["entries"]] == [None]


async def test_a_unit_sees_its_own_pool_alone(world: World) -> None:
    for unit in ("repair", "water"):
        assert (
            await world.office.post("/assessment/api/pools", json=POOL | {"unit": unit})
        ).status_code == 204
    async with world.client(Role.UNIT_LEADER, "water") as water:
        (seen,) = (await water.get("/assessment/api/pools")).json()
        page = (await water.get("/assessment/pools", headers=HTML)).text

    assert (seen["unit"], seen["amount_fen"], seen["cap_fen"]) == ("自来水分公司", 100_000, 10_000)
    assert "自来水分公司" in page
    assert "维修分公司" not in page
    assert len((await world.office.get("/assessment/api/pools")).json()) == 2
