"""The public pages: report, keep what was typed, track; nothing a person typed runs in a browser."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from services.intake.domain.numbers import format_number
from shared.contracts.dispatch import Role
from tests.support.infrastructure import PostgresServer
from tests.support.intake import Desk, report, serving

SCRIPT = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
async def desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    async with serving(postgres) as made:
        made.client.headers["accept"] = "text/html"
        yield made


async def form_key(desk: Desk) -> str:
    page = await desk.client.get("/")
    assert page.status_code == 200
    found = re.search(r'name="idempotency_key" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def submit(desk: Desk, **fields: str) -> httpx.Response:
    return await desk.client.post("/complaints", data={"location": "东区", **fields})


async def test_the_form_offers_the_categories_of_each_unit(desk: Desk) -> None:
    page = await desk.client.get("/")
    assert '<optgroup label="自来水分公司">' in page.text
    assert '<option value="water.leak">' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("size", [2_000_000, 5_000_000])
@pytest.mark.parametrize("multipart", [False, True])
async def test_a_text_beyond_all_bounds_is_said_to_be_too_long_on_a_page(
    desk: Desk, size: int, multipart: bool
) -> None:
    parts = {"files": {"text": (None, "x" * size)}} if multipart else {"data": {"text": "x" * size}}
    sent = await desk.client.post("/complaints", **parts)

    assert (sent.status_code, sent.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert "内容太大" in sent.text
    assert "太长" in sent.text or "最多 4096 KB" in sent.text
    assert await desk.value("SELECT count(*) FROM complaints") == 0


async def test_report_then_track(desk: Desk) -> None:
    key = await form_key(desk)
    fields = {
        "text": "厨房水管漏水\r\n快来",
        "location": "东区 12 号楼",
        "category": "water.leak",
        "name": "",
        "phone": "13812345678",
        "idempotency_key": key,
    }
    sent = await submit(desk, **fields)
    assert sent.status_code == 303
    registered = await desk.client.get(sent.headers["location"])
    number = await desk.value("SELECT number FROM complaints")
    assert number in registered.text
    assert "没有留手机号" not in registered.text

    again = await submit(desk, **fields)
    assert again.headers["location"] == sent.headers["location"] + "?again=1"
    desk.client.cookies.clear()
    elsewhere = await submit(desk, **fields)
    assert elsewhere.headers["location"] == sent.headers["location"]
    assert (await desk.counts())["complaints"] == 1

    found = await desk.client.get("/track", params={"number": number.lower(), "phone_tail": "5678"})
    assert found.status_code == 303
    tracked = await desk.client.get(found.headers["location"])
    assert "厨房水管漏水\n快来" in tracked.text
    assert "爆管漏水" in tracked.text
    assert "正在派给负责的单位" in tracked.text
    assert await desk.rows("SELECT channel FROM complaints") == [("web",)]


async def test_errors_keep_what_was_typed(desk: Desk) -> None:
    response = await submit(desk, text="", location="东区", phone="123", category="x", name="张")
    assert response.status_code == 422
    for words in (
        "发生了什么问题：必须填写",
        "属于哪一类：没有这个类别",
        "手机号：应为 11 位手机号",
        'value="东区"',
        'value="张"',
        'value="123"',
    ):
        assert words in response.text, words
    assert (await desk.counts())["complaints"] == 0


async def test_the_form_needs_a_place_and_programs_need_none(desk: Desk) -> None:
    for location in ("", "   "):
        refused = await submit(desk, text="漏水", location=location)
        assert refused.status_code == 422
        assert 'id="error-location"' in refused.text
    assert (await desk.post(report())).status_code == 201
    assert (await desk.counts())["complaints"] == 1


async def test_the_form_marks_every_field_as_needed_or_not(desk: Desk) -> None:
    html = (await desk.client.get("/")).text
    marked = re.findall(r'for="field-(\w+)">[^<]+<span class="field-optional">（(必填|选填)）</span>', html)
    assert marked == [
        ("text", "必填"),
        ("location", "必填"),
        ("category", "选填"),
        ("phone", "选填"),
        ("name", "选填"),
    ]


async def test_what_is_wrong_with_a_field_begins_with_its_label(desk: Desk) -> None:
    wrong = {"text": "", "location": "", "category": "x", "phone": "1", "name": "名" * 51}
    form = (await submit(desk, **wrong)).text
    look_up = (await desk.client.get("/track", params={"number": "1", "phone_tail": "1"})).text
    for page, fields in ((form, set(wrong)), (look_up, {"number", "phone_tail"})):
        labels = dict(re.findall(r'<label class="field-label" for="field-(\w+)">([^<]+)', page))
        errors = dict(re.findall(r'<li><a href="#field-(\w+)">([^<]+)', page))
        assert set(errors) == fields
        assert {name: errors[name].startswith(labels[name]) for name in fields} == dict.fromkeys(fields, True)


async def test_a_form_sent_again_with_other_words_is_asked_about(desk: Desk) -> None:
    key = await form_key(desk)
    await submit(desk, text="一", idempotency_key=key)
    other = await submit(desk, text="二", idempotency_key=key)
    assert other.status_code == 422
    assert "已经提交过" in other.text
    fresh = re.search(r'name="idempotency_key" value="([^"]+)"', other.text)
    assert fresh
    assert fresh[1] != key
    assert (await submit(desk, text="二", idempotency_key=fresh[1])).status_code == 303
    assert (await desk.counts())["complaints"] == 2


async def test_going_back_and_sending_the_same_again_is_no_second_complaint(desk: Desk) -> None:
    fields = {"text": "漏水", "location": "东区", "phone": "13812345678"}
    sent = await submit(desk, **fields, idempotency_key=await form_key(desk))
    cookie = sent.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Max-Age=600", "Path=/complaints", "SameSite=lax"))

    again = await submit(desk, **fields, idempotency_key=await form_key(desk))
    assert again.headers["location"] == sent.headers["location"] + "?again=1"
    assert "刚才已经登记过" in (await desk.client.get(again.headers["location"])).text
    assert (await desk.counts())["complaints"] == 1

    other = await submit(desk, **fields | {"text": "还在漏水"}, idempotency_key=await form_key(desk))
    desk.client.cookies.clear()
    neighbour = await submit(desk, **fields, idempotency_key=await form_key(desk))
    assert (other.status_code, neighbour.status_code) == (303, 303)
    assert (await desk.counts())["complaints"] == 3


async def test_a_browser_that_remembers_what_is_not_here_registers(desk: Desk) -> None:
    sent = await submit(desk, text="漏水", location="东区")
    digest = sent.cookies["huiying-sent"].partition(".")[0]
    desk.client.cookies.clear()
    headers = {"cookie": f"huiying-sent={digest}.nonsense"}
    fields = {"text": "漏水", "location": "东区"}
    assert (await desk.client.post("/complaints", data=fields, headers=headers)).status_code == 303
    assert (await desk.counts())["complaints"] == 2


async def test_no_phone_is_told_to_keep_the_link_before_and_after(desk: Desk) -> None:
    assert "不留也会处理和答复，但只能用提交后给您的专用链接查询" in (await desk.client.get("/")).text
    sent = await submit(desk, text="没有留电话")
    page = await desk.client.get(sent.headers["location"])
    assert "没有留手机号" in page.text
    token = await desk.value("SELECT tracking_token FROM complaints")
    assert f"http://127.0.0.1:8080/track/{token}" in page.text


async def test_dirty_text_is_cleaned(desk: Desk) -> None:
    assert (await submit(desk, text="a\x00b\u202ec", location="x\ny")).status_code == 303
    assert await desk.rows("SELECT text, location FROM contents") == [("abc", "x y")]


async def test_what_was_typed_never_runs(desk: Desk) -> None:
    refused = await submit(desk, text=SCRIPT, location=SCRIPT, name=SCRIPT, phone=SCRIPT, category=SCRIPT)
    sent = await submit(desk, text=SCRIPT, location=SCRIPT, name=SCRIPT[:50])
    token = await desk.value("SELECT tracking_token FROM complaints")
    tracked = await desk.client.get(f"/track/{token}")
    looked_up = await desk.client.get("/track", params={"number": SCRIPT, "phone_tail": SCRIPT})
    assert (refused.status_code, sent.status_code, tracked.status_code, looked_up.status_code) == (
        422,
        303,
        200,
        422,
    )
    for page in (refused, tracked, looked_up):
        assert "<script>alert" not in page.text
        assert "<img" not in page.text.replace('<img src="/static', "")
    assert html.escape(SCRIPT, quote=False).split('"')[0] in tracked.text.replace("&#39;", "'")


async def test_wrong_tail_and_wrong_number_look_the_same(desk: Desk) -> None:
    await submit(desk, text="漏水", phone="13812345678")
    number = await desk.value("SELECT number FROM complaints")
    wrong_tail = await desk.client.get("/track", params={"number": number, "phone_tail": "1111"})
    unknown = await desk.client.get("/track", params={"number": "HY-2611-999999-N", "phone_tail": "5678"})
    assert (wrong_tail.status_code, unknown.status_code) == (404, 404)
    same = [
        re.sub(r'value="[^"]*"', "", re.sub(r"idempotency.*|HY-[-0-9A-Z*]+", "", page.text))
        for page in (wrong_tail, unknown)
    ]
    assert same[0] == same[1]


async def test_a_mistyped_number_is_told_at_once(desk: Desk) -> None:
    page = await desk.client.get("/track", params={"number": "HY-2611-000123-0", "phone_tail": "12"})
    assert page.status_code == 422
    assert "编号不对" in page.text
    assert "应为四位数字" in page.text
    assert (await desk.client.get("/track")).status_code == 200


async def test_guessing_tails_ends_soon(postgres: PostgresServer) -> None:
    async with serving(postgres, track_number_rate="5/hour") as desk:
        await desk.post(report(phone="13812345678"))
        number = await desk.value("SELECT number FROM complaints")
        statuses = []
        for guess in range(8):
            asked = {"number": number, "phone_tail": f"{guess:04d}"}
            headers = {"accept": "text/html", "x-forwarded-for": f"203.0.113.{guess}"}
            statuses.append((await desk.client.get("/track", params=asked, headers=headers)).status_code)
        assert statuses == [404] * 5 + [429] * 3
        right = {"number": number, "phone_tail": "5678"}
        refused = await desk.client.get("/track", params=right, headers={"accept": "text/html"})
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert "请过 1 小时再试；急事请直接拨打投诉电话 0990-6880602。" in refused.text
        assert refused.text.count("再试") == 1
        assert "服务电话" not in refused.text


async def test_guessing_numbers_ends_soon_and_who_knows_theirs_is_not_counted(
    postgres: PostgresServer,
) -> None:
    async with serving(postgres) as desk:
        desk.client.headers["accept"] = "text/html"
        await desk.post(report(phone="13812345678"))
        number = await desk.value("SELECT number FROM complaints")
        right = {"number": number, "phone_tail": "5678"}
        known = [(await desk.client.get("/track", params=right)).status_code for _ in range(25)]
        asked = [
            {"number": format_number(datetime(2026, 11, 22, tzinfo=UTC), serial), "phone_tail": "0000"}
            for serial in range(900_000, 900_022)
        ]
        guessed = [(await desk.client.get("/track", params=one)).status_code for one in asked]
        assert known == [303] * 25
        assert guessed == [404] * 20 + [429] * 2
        elsewhere = {"x-forwarded-for": "203.0.113.7"}
        assert (await desk.client.get("/track", params=right, headers=elsewhere)).status_code == 303


async def test_a_look_up_that_could_not_be_made_is_no_failed_one(postgres: PostgresServer) -> None:
    async with serving(postgres, track_failed_rate="2/hour", track_number_rate="2/hour") as desk:
        await desk.post(report(phone="13812345678"))
        right = {"number": await desk.value("SELECT number FROM complaints"), "phone_tail": "5678"}
        await desk.rows("ALTER TABLE complaints RENAME TO away")
        statuses = [(await desk.client.get("/track", params=right)).status_code for _ in range(4)]
        await desk.rows("ALTER TABLE away RENAME TO complaints")
        assert statuses == [500] * 4
        assert (await desk.client.get("/track", params=right)).status_code == 303


async def test_unknown_links_are_404(desk: Desk) -> None:
    for path in ("/track/nonsense", "/registered/nonsense", "/api/track/nonsense"):
        assert (await desk.client.get(path)).status_code == 404


async def test_another_site_cannot_post_the_form(desk: Desk) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    forged = await desk.client.post("/complaints", data={"text": "假"}, headers=headers)
    assert forged.status_code == 403


async def test_too_many_forms_are_told_so(postgres: PostgresServer) -> None:
    async with serving(postgres, register_rate="2/minute") as desk:
        desk.client.headers["accept"] = "text/html"
        statuses = [(await submit(desk, text="漏水")).status_code for _ in range(3)]
        assert statuses == [303, 303, 429]
        assert "0990-6880602" in (await submit(desk, text="漏水")).text


async def test_tracking_as_json_tells_what_the_page_tells(desk: Desk) -> None:
    reply = (await desk.post(report(category="water.leak", location="东区"))).json()
    token = reply["tracking_url"].rpartition("/")[2]
    view = (await desk.client.get(f"/api/track/{token}")).json()
    assert (view["number"], view["state"], view["state_name"], view["category_name"]) == (
        reply["number"],
        "registered",
        "已登记",
        "爆管漏水",
    )
    assert [step["name"] for step in view["steps"]] == ["已登记", "待派单", "待接单", "待答复"]


async def test_staff_see_complaints_masked_and_units_only_their_own(desk: Desk) -> None:
    body = report(phone="13812345678", location="东区 12 号楼 501", name="张先生")
    reply = (await desk.post(body)).json()
    operator = await desk.bearer(Role.OPERATOR)
    for reference in (reply["number"].lower(), reply["complaint_id"]):
        seen = await desk.client.get(f"/api/complaints/{reference}", headers=operator)
        assert seen.status_code == 200
        assert (seen.json()["phone"], seen.json()["location"], seen.json()["name"]) == (
            "138****5678",
            "东区 ***",
            "张**",
        )
    await desk.rows("UPDATE complaints SET unit = 'water'")
    path = f"/api/complaints/{reply['number']}"
    water = await desk.bearer(Role.UNIT_MEMBER, "water")
    repair = await desk.bearer(Role.UNIT_LEADER, "repair")
    service = await desk.bearer(Role.SERVICE, "water")
    assert (await desk.client.get(path, headers=water)).status_code == 200
    assert (await desk.client.get(path, headers=service)).status_code == 200
    assert (await desk.client.get(path, headers=repair)).status_code == 403
    assert (await desk.client.get(path, headers={"accept": "application/json"})).status_code == 401
    assert (await desk.client.get("/api/complaints/nonsense", headers=operator)).status_code == 404
