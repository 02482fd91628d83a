"""The pages of dispatch as a browser without scripts meets them, and the live stream of the task list."""

import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from services.dispatch.domain.assignment import Action
from services.dispatch.pages import tasks as tasks_page
from shared.contracts.dispatch import Role
from shared.contracts.envelope import Origin
from tests.support.dispatch import complaint, minutes_ago, person
from tests.support.dispatch_people import Dispatch, Stream, served
from tests.support.wait import eventually

HTML = {"Accept": "text/html"}
PASSWORD = "correct horse battery"


async def browser(dispatch: Dispatch, role: Role, unit: str | None = None) -> httpx.AsyncClient:
    client = dispatch.client(await dispatch.token(role, unit))
    client.headers.update(HTML)
    return client


def numbers(page: str) -> list[str]:
    """The complaints on a task list, in their order."""
    return re.findall(r'id="task-([0-9a-f-]{36})"', page)


async def test_a_person_signs_in_by_the_form_and_comes_back_to_where_they_were(dispatch: Dispatch) -> None:
    async with await browser(dispatch, Role.ADMINISTRATOR) as admin:
        form = {"account": "li.min", "name": "李敏", "role": "office", "password": PASSWORD}
        assert (await admin.post("/dispatch/accounts", data=form)).status_code == 303
    async with dispatch.client(headers=HTML) as visitor:
        sent = await visitor.get("/dispatch/tasks?state=overdue")
        assert (sent.status_code, sent.headers["location"]) == (
            303,
            "/dispatch/sign-in?next=/dispatch/tasks%3Fstate%3Doverdue",
        )
        page = (await visitor.get(sent.headers["location"])).text
        assert 'name="next" value="/dispatch/tasks?state=overdue"' in page
        form = {"account": "li.min", "password": PASSWORD, "next": "/dispatch/tasks?state=overdue"}
        entered = await visitor.post("/dispatch/sign-in", data=form)
        assert (entered.status_code, entered.headers["location"]) == (303, "/dispatch/tasks?state=overdue")
        shown = await eventually(lambda: _page_of(visitor, "/dispatch/tasks?state=overdue"))
        assert "李敏" in shown
        assert "生产管理室" in shown

        left = await visitor.post("/dispatch/sign-out")
        assert (left.status_code, left.headers["location"]) == (303, "/dispatch/sign-in")
        assert (await visitor.get("/dispatch/tasks")).status_code == 303


async def _page_of(client: httpx.AsyncClient, path: str) -> str:
    response = await client.get(path)
    return response.text if response.status_code == 200 else ""


async def test_who_acts_after_the_session_ended_signs_in_and_is_back_on_the_page(dispatch: Dispatch) -> None:
    case = f"/dispatch/cases/{await dispatch.add_case('water')}"
    async with dispatch.client(headers=HTML) as visitor:
        visitor.headers["Referer"] = f"http://127.0.0.1{case}"
        refused = await visitor.post(f"{case}/answer", data={"text": "阀门已经更换。"})
        page = (await visitor.get(f"/dispatch/sign-in?next={case}")).text

    assert refused.status_code == 401
    assert f'href="/dispatch/sign-in?next={case}"' in refused.text
    assert f'name="next" value="{case}"' in page


async def test_the_form_keeps_the_account_and_never_the_password(dispatch: Dispatch) -> None:
    async with dispatch.client(headers=HTML) as visitor:
        form = {"account": "li.min", "password": "a wrong secret", "next": "//evil.example"}
        response = await visitor.post("/dispatch/sign-in", data=form)

    assert response.status_code == 401
    assert "账号或密码不对" in response.text
    assert 'value="li.min"' in response.text
    assert "a wrong secret" not in response.text


async def test_another_site_can_not_sign_anybody_in(dispatch: Dispatch) -> None:
    async with dispatch.client(headers=HTML | {"Sec-Fetch-Site": "cross-site"}) as visitor:
        assert (await visitor.post("/dispatch/sign-in", data={"account": "x"})).status_code == 403
        assert (await visitor.post("/dispatch/sign-out")).status_code == 403


async def test_the_list_is_in_order_of_time_left_and_pages_on_by_key(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_page, "PAGE", 3)
    given = [complaint(minutes_ago(minutes), category="water.leak") for minutes in (1, 9, 3, 7, 5, 2, 4)]
    ids = [str(one) for one in await dispatch.desk.register(*given)]
    expected = [ids[place] for place in (1, 3, 4, 6, 2, 5, 0)]
    seen: list[str] = []
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        path: str | None = "/dispatch/tasks"
        while path is not None:
            page = (await member.get(path)).text
            seen += numbers(page)
            older = re.search(r'href="(/dispatch/tasks\?[^"]*behind=[^"]*)"', page)
            path = older[1].replace("&amp;", "&") if older else None

    assert seen == expected


async def test_answered_cases_are_listed_latest_first_page_by_page(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_page, "PAGE", 2)
    member = person()
    ids = await dispatch.desk.register(*(complaint(minutes_ago(minutes)) for minutes in (5, 3, 4)))
    for complaint_id in ids:
        await dispatch.desk.act(complaint_id, Action.ACCEPT, member)
        await dispatch.desk.act(complaint_id, Action.ANSWER, member, "已经修好了。")
    async with await browser(dispatch, Role.UNIT_LEADER, "water") as leader:
        page = (await leader.get("/dispatch/tasks?state=answered")).text
        older = re.search(r'href="(/dispatch/tasks\?[^"]*behind=[^"]*)"', page)
        assert older
        rest = (await leader.get(older[1].replace("&amp;", "&"))).text

    assert numbers(page) + numbers(rest) == [str(ids[place]) for place in (1, 2, 0)]


async def test_each_list_holds_its_own_and_the_numbers_tell_of_all(dispatch: Dispatch) -> None:
    late, fresh, working = await dispatch.desk.register(
        complaint(minutes_ago(600)), complaint(minutes_ago(1)), complaint(minutes_ago(1))
    )
    await dispatch.desk.act(working, Action.ACCEPT, person())
    await dispatch.add_case("repair")
    lists = {}
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        for code in ("open", "assigned", "working", "overdue", "answered"):
            page = (await member.get(f"/dispatch/tasks?state={code}")).text
            lists[code] = set(numbers(page))
        counts = [int(count) for count in re.findall(r'class="count[^"]*">(\d+)<', page)]

    assert lists == {
        "open": {str(late), str(fresh), str(working)},
        "assigned": {str(late), str(fresh)},
        "working": {str(working)},
        "overdue": {str(late)},
        "answered": set(),
    }
    assert counts == [3, 2, 1, 1, 0]


async def test_the_office_chooses_a_unit_and_a_unit_has_no_choice(dispatch: Dispatch) -> None:
    water, repair = await dispatch.add_case("water"), await dispatch.add_case("repair")
    async with await browser(dispatch, Role.OFFICE) as office:
        everything = (await office.get("/dispatch/tasks")).text
        chosen = (await office.get("/dispatch/tasks?unit=repair")).text
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        own = (await member.get("/dispatch/tasks")).text

    assert set(numbers(everything)) == {str(water), str(repair)}
    assert numbers(chosen) == [str(repair)]
    assert '<option value="repair" selected>' in chosen
    assert numbers(own) == [str(water)]
    assert "<select" not in own


async def test_who_only_looks_is_offered_no_action(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    async with await browser(dispatch, Role.COMPANY_LEADER) as leader:
        pages = [await leader.get(path) for path in ("/dispatch/tasks", f"/dispatch/cases/{complaint_id}")]

    assert not [page for page in pages if "/accept" in page.text]


@pytest.mark.parametrize(
    "query",
    [
        "state=nonsense",
        "behind=nonsense",
        "behind=2026-11-22_x",
        f"behind=2026-11-22T08:00:00_{UUID(int=1)}",
        f"behind=0001-01-01T00:00:00%2B14:00_{UUID(int=1)}",
        f"behind=9999-12-31T23:59:59-14:00_{UUID(int=1)}",
        "unit=nowhere",
    ],
)
async def test_a_list_that_is_none_is_not_found(dispatch: Dispatch, query: str) -> None:
    async with await browser(dispatch, Role.OFFICE) as office:
        response = await office.get(f"/dispatch/tasks?{query}")

    assert response.status_code == 404
    assert "没有找到" in response.text


async def test_a_case_is_worked_on_from_its_page_to_the_answer(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    path = f"/dispatch/cases/{complaint_id}"
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        first = (await member.get(path)).text
        for action in ("accept", "arrive", "complete"):
            response = await member.post(f"{path}/{action}", data={"back": "case"})
            assert (response.status_code, response.headers["location"]) == (303, path)
        empty = await member.post(f"{path}/answer", data={"text": "  "})
        answered = await member.post(f"{path}/answer", data={"text": "阀门已经更换。"})
        last = (await member.get(path)).text
        again = await member.post(f"{path}/answer", data={"text": "再答一次"})

    assert "水管爆裂" in first
    assert f"{path}/accept" in first
    assert (empty.status_code, "请写答复内容" in empty.text) == (422, True)
    assert answered.status_code == 303
    assert "阀门已经更换。" in last
    assert "按时完成" in last
    assert again.status_code == 409


async def test_a_case_page_leads_back_to_the_list_one_came_from(dispatch: Dispatch) -> None:
    path = f"/dispatch/cases/{await dispatch.add_case('water')}"
    kept = "state=overdue&unit=water&behind=2026-11-22T06%3A05%3A00%2B00%3A00_7"
    link = f'href="/dispatch/tasks?{kept}"'.replace("&", "&amp;")
    listed = {"back": "case", "listed": kept}
    async with await browser(dispatch, Role.OFFICE) as office:
        first = await office.get(
            path, headers={"Referer": f"http://127.0.0.1/dispatch/tasks?{kept}&next=//x"}
        )
        refused = await office.post(f"{path}/reveal", data=listed)
        taken = await office.post(f"{path}/accept", data=listed)
        after = await office.get(taken.headers["location"])
        answered = await office.post(f"{path}/answer", data=listed | {"text": "阀门已经更换。"})
        last = await office.get(answered.headers["location"])

    assert [link in one.text for one in (first, refused, after, last)] == [True] * 4


@pytest.mark.parametrize(
    ("query", "referer"),
    [
        ("", "https://evil.example/dispatch/tasks?state=overdue"),
        ("", "http://127.0.0.1/notify/deliveries?state=overdue"),
        ("?listed=//evil.example", ""),
        ("?listed=next=https://evil.example/", ""),
    ],
)
async def test_a_case_page_leads_to_no_place_but_a_list(dispatch: Dispatch, query: str, referer: str) -> None:
    path = f"/dispatch/cases/{await dispatch.add_case('water')}"
    async with await browser(dispatch, Role.OFFICE) as office:
        page = (await office.get(path + query, headers={"Referer": referer})).text

    assert '<a class="back" href="/dispatch/tasks">' in page
    assert "evil" not in page


async def test_an_action_without_scripts_leads_back_to_its_list(dispatch: Dispatch) -> None:
    path = f"/dispatch/cases/{await dispatch.add_case('water')}"
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        member.headers["Referer"] = "http://127.0.0.1/dispatch/tasks?state=assigned"
        taken = await member.post(f"{path}/accept")

    assert (taken.status_code, taken.headers["location"]) == (303, "/dispatch/tasks?state=assigned")


async def test_a_step_that_does_not_follow_is_told_and_changes_nothing(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        response = await member.post(f"/dispatch/cases/{complaint_id}/complete")

    assert response.status_code == 409
    assert "不能办结" in response.text
    assert (await dispatch.desk.case(complaint_id))["state"] == "assigned"


async def test_who_acts_on_a_page_that_is_out_of_date_gets_the_case_as_it_is(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    path, colleague = f"/dispatch/cases/{complaint_id}", person()
    back = {"back": "case", "listed": "state=assigned"}
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        too_soon = await member.post(f"{path}/answer", data=back | {"text": "马上就来。"})
        await dispatch.desk.act(complaint_id, Action.ACCEPT, colleague)
        await dispatch.desk.act(complaint_id, Action.ARRIVE, colleague)
        arrived = await member.post(f"{path}/arrive", data=back)
        await dispatch.desk.act(complaint_id, Action.ANSWER, colleague, "已经修好了。")
        answered = await member.post(f"{path}/answer", data=back | {"text": "阀门<b>已经更换。"})

    assert [one.status_code for one in (too_soon, arrived, answered)] == [409, 409, 409]
    assert "马上就来。</textarea>" in too_soon.text
    assert "不能到场。这件任务刚刚有变化" in arrived.text
    assert f"{path}/complete" in arrived.text
    assert 'href="/dispatch/tasks?state=assigned"' in arrived.text
    assert "已经修好了。" in answered.text
    assert "阀门&lt;b&gt;已经更换。</textarea>" in answered.text


async def test_what_an_answer_ends_is_said_before_it_and_shown_after_it(dispatch: Dispatch) -> None:
    path = f"/dispatch/cases/{await dispatch.add_case('water')}"
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        await member.post(f"{path}/accept", data={"back": "case"})
        dispatch.clock.move(minutes=5)
        before = (await member.get(path)).text
        await member.post(f"{path}/answer", data={"text": "经查，不是漏水。"})
        after = (await member.get(path)).text

    assert "答复发出后，这件任务随即结束，到场、办结的时限一并停止。" in before
    assert "随答复结束" not in before
    assert (after.count("随答复结束"), after.count("按时完成")) == (2, 2)


async def test_an_action_from_the_list_brings_back_the_changed_card(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        member.headers["HX-Request"] = "true"
        member.headers["HX-Current-URL"] = "http://127.0.0.1/dispatch/tasks?state=assigned"
        taken = await member.post(f"/dispatch/cases/{complaint_id}/accept")
        member.headers["HX-Current-URL"] = "http://127.0.0.1/dispatch/tasks"
        arrived = await member.post(f"/dispatch/cases/{complaint_id}/arrive")

    assert (taken.status_code, arrived.status_code) == (200, 200)
    assert numbers(taken.text) == [str(complaint_id)]
    assert 'hx-swap-oob="delete"' in taken.text
    assert "已到场" in arrived.text


async def test_an_action_is_taken_whatever_address_the_browser_says_it_shows(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        told = {"HX-Request": "true", "HX-Current-URL": "http://["}
        taken = await member.post(f"/dispatch/cases/{complaint_id}/accept", headers=told)

    assert (taken.status_code, numbers(taken.text)) == (200, [str(complaint_id)])
    assert (await dispatch.desk.case(complaint_id))["state"] == "accepted"


async def test_phone_and_place_are_shown_for_a_reason_that_is_kept(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    path = f"/dispatch/cases/{complaint_id}"
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        masked = (await member.get(path)).text + (await member.get("/dispatch/tasks")).text
        refused = await member.post(f"{path}/reveal", data={"reason": " "})
        shown = await member.post(f"{path}/reveal", data={"reason": "联系上门时间"})

    assert "138****5678" in masked
    assert "东区 ***" in masked
    for kept_back in ("13812345678", "12 号楼"):
        assert kept_back not in masked + refused.text
        assert kept_back in shown.text
    assert (refused.status_code, "请写明查看的原因" in refused.text) == (422, True)
    kept = await dispatch.desk.rows(
        "SELECT actor, detail->>'reason' FROM audit_entries WHERE action = 'case.reveal'"
    )
    assert kept == [(str(dispatch.people["unit_member.water"]), "联系上门时间")]


async def test_text_of_a_complaint_is_text_on_the_page(dispatch: Dispatch) -> None:
    [complaint_id] = await dispatch.desk.register(
        complaint(minutes_ago(1), text="<script>alert(1)</script> {{ 7 * 7 }}")
    )
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        page = (await member.get(f"/dispatch/cases/{complaint_id}")).text
        tasks = (await member.get("/dispatch/tasks")).text

    assert "<script>alert" not in page + tasks
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in page


async def test_imported_history_owes_its_answer_alone(dispatch: Dispatch) -> None:
    given = complaint(minutes_ago(9000), source="旧系统", external_id="A-1")
    [complaint_id] = await dispatch.desk.register(given, origin=Origin.HISTORY)
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        tasks = (await member.get("/dispatch/tasks")).text
        page = (await member.get(f"/dispatch/cases/{complaint_id}")).text

    assert numbers(tasks) == [str(complaint_id)]
    assert "/accept" not in tasks + page
    assert f"/dispatch/cases/{complaint_id}#answer" in tasks
    assert "答复反映人" in page


async def test_a_live_list_gets_new_cards_changed_ones_and_numbers(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.UNIT_MEMBER, "water")
    async with served(dispatch) as url:
        stream = Stream(f"{url}/dispatch/tasks/stream?state=assigned&unit=&after=0", token)
        async with stream:
            await eventually(lambda: stream.open)
            complaint_id = await dispatch.add_case("water")
            await eventually(lambda: len(stream.events) == 1)
            await dispatch.desk.act(complaint_id, Action.ACCEPT, person())
            await eventually(lambda: len(stream.events) == 2)

    (first_id, first), (second_id, second) = stream.events
    assert (first_id, second_id) == ("1", "2")
    assert numbers(first) == [str(complaint_id)]
    assert "hx-upsert" in first
    assert 'id="task-counts"' in first
    assert 'hx-swap-oob="delete"' in second


async def test_a_live_list_of_all_units_resumes_in_each(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.OFFICE)
    path = "/dispatch/tasks/stream?state=open&unit="
    async with await browser(dispatch, Role.OFFICE) as office:
        page = (await office.get("/dispatch/tasks")).text
    cursor = re.search(r"after=([^\"&]*)\"", page)
    assert cursor
    async with served(dispatch) as url:
        async with Stream(f"{url}{path}&after={cursor[1]}", token) as stream:
            await eventually(lambda: stream.open)
            water = await dispatch.add_case("water")
            await eventually(lambda: len(stream.events) == 1)  # what is told together comes unit by unit
            repair = await dispatch.add_case("repair")
            await eventually(lambda: len(stream.events) == 2)
        missed = [await dispatch.add_case("repair"), await dispatch.add_case("water")]
        async with Stream(url + path, token, last_event_id=stream.events[-1][0]) as resumed:
            await eventually(lambda: len(resumed.events) == 2)

    assert _cards(stream) == [water, repair]
    assert sorted(_cards(resumed)) == sorted(missed)


def _cards(stream: Stream) -> list[UUID]:
    return [UUID(number) for _, html in stream.events for number in numbers(html)]


async def test_accounts_are_made_and_disabled_by_the_administrator(dispatch: Dispatch) -> None:
    form = {"account": "li.min", "name": "李敏", "role": "unit_member", "unit": "", "password": "tooweak-1"}
    async with await browser(dispatch, Role.ADMINISTRATOR) as admin:
        weak = await admin.post("/dispatch/accounts", data=form)
        no_unit = await admin.post("/dispatch/accounts", data=form | {"password": PASSWORD})
        no_role = await admin.post("/dispatch/accounts", data=form | {"role": "service"})
        made = await admin.post("/dispatch/accounts", data=form | {"password": PASSWORD, "unit": "water"})
        twice = await admin.post("/dispatch/accounts", data=form | {"password": PASSWORD, "unit": "water"})
        listed = (await admin.get("/dispatch/accounts")).text
        target = re.search(r'action="(/dispatch/accounts/[^"]*/disable)"', listed)
        assert target
        await admin.post(target[1])
        after = (await admin.get("/dispatch/accounts")).text

    assert [one.status_code for one in (weak, no_unit, no_role, made, twice)] == [422, 422, 422, 303, 409]
    assert "密码太短" in weak.text
    assert "tooweak-1" not in weak.text
    assert "这个角色需要选择单位" in no_unit.text
    assert "请选择角色" in no_role.text
    assert "这个账号已经有了" in twice.text
    assert "li.min" in listed
    assert ("已停用" in listed, "已停用" in after) == (False, True)


async def test_an_overdue_clock_shows_as_overdue(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case("water")
    dispatch.clock.move(hours=30)
    async with await browser(dispatch, Role.UNIT_MEMBER, "water") as member:
        page = (await member.get(f"/dispatch/cases/{complaint_id}")).text
        tasks = (await member.get("/dispatch/tasks")).text

    assert "已超时" in page
    assert "task-overdue" in tasks
    assert dispatch.clock.now() > minutes_ago(0) + timedelta(hours=29)
