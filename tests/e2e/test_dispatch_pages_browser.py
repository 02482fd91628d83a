"""The pages of dispatch on a real database, in a browser: signing in, the live list, a case, accounts."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from services.dispatch.usecases.accounts import ADMINISTRATOR, DEMO_PASSWORD, seed_people
from shared.database import run_unit
from tests.support.browser import DESKTOP, PHONE, axe_violations, browser
from tests.support.dispatch_people import Dispatch, dispatch_app, served
from tests.support.infrastructure import PostgresServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LIMIT = 60_000  # milliseconds a page may take while the machine is busy
ADMINISTRATORS_PASSWORD = "correct horse battery"
T = TypeVar("T")


class Running:
    """Dispatch in a thread of its own, beside the browser's."""

    def __init__(self, postgres: PostgresServer) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._stack = AsyncExitStack()
        self.dispatch, self.url = self.do(self._start(postgres))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    async def _start(self, postgres: PostgresServer) -> tuple[Dispatch, str]:
        dispatch = await self._stack.enter_async_context(dispatch_app(postgres))
        await run_unit(
            dispatch.runtime.sessions,
            lambda session: seed_people(
                session, dispatch.clock, demo=True, administrator_password=ADMINISTRATORS_PASSWORD
            ),
        )
        return dispatch, await self._stack.enter_async_context(served(dispatch))

    def stop(self) -> None:
        self.do(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def running(postgres: PostgresServer) -> Iterator[Running]:
    started = Running(postgres)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai")
    context.set_default_timeout(LIMIT)
    expect.set_options(timeout=LIMIT)
    opened = context.new_page()
    refused: list[str] = []
    opened.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: refused.append(str(error)))
    yield opened
    context.close()
    assert [text for text in refused if "the server responded with a status of" not in text] == []


def is_accessible(page: Page) -> None:
    assert axe_violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), page.url


def sign_in(page: Page, url: str, account: str, password: str = DEMO_PASSWORD) -> None:
    page.goto(url + "/dispatch/tasks")
    page.get_by_label("账号").fill(account)
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()


def test_a_unit_works_on_a_case_from_a_phone(page: Page, running: Running) -> None:
    sign_in(page, running.url, "water.member", "not the password")
    expect(page.locator("#error-password")).to_contain_text("账号或密码不对")
    is_accessible(page)
    sign_in(page, running.url, "water.member")
    expect(page.locator("#live-status")).to_have_text("实时更新中")

    complaint_id = running.do(running.dispatch.add_case("water"))
    card = page.locator(f"#task-{complaint_id}")
    expect(card).to_be_visible()  # over the stream: nobody reloaded
    is_accessible(page)
    card.get_by_role("button", name="接单").click()
    expect(card).to_contain_text("已接单")
    card.locator("h2 a").click()

    page.get_by_text("查看完整的地点和电话").click()
    page.get_by_label("查看的原因").fill("联系上门时间")
    page.get_by_role("button", name="查看", exact=True).click()
    expect(page.get_by_role("link", name="13812345678")).to_be_visible()
    for action, state in (("到场", "已到场"), ("办结", "已办结")):
        page.get_by_role("button", name=action, exact=True).click()
        expect(page.locator(".page-head")).to_contain_text(state)
    page.get_by_label("答复内容").fill("阀门已经更换并试压。给您添麻烦了。")
    is_accessible(page)
    page.get_by_role("button", name="发出答复").click()
    expect(page.locator(".answer")).to_contain_text("阀门已经更换并试压")
    expect(page.locator(".clocks")).to_contain_text("按时完成")
    is_accessible(page)


def test_the_keyboard_goes_on_where_a_card_changes_or_leaves_the_list(page: Page, running: Running) -> None:
    first, second = (running.do(running.dispatch.add_case("repair")) for _ in range(2))
    sign_in(page, running.url, "repair.member")
    expect(page.locator("#live-status")).to_have_text("实时更新中")
    page.goto(running.url + "/dispatch/tasks?state=assigned")
    expect(page.locator("#live-status")).to_have_text("实时更新中")
    page.locator(f"#task-{first}").get_by_role("button", name="接单").press("Enter")
    expect(page.locator(f"#task-{first}")).to_have_count(0)
    link = page.locator(f"#task-{second} h2 a")
    expect(link).to_be_focused()
    page.locator(f"#task-{second}").evaluate("card => card.dataset.before = 'yes'")
    running.do(running.dispatch.change("repair", second))
    expect(page.locator("[data-before]")).to_have_count(0)  # the stream has swapped it
    expect(link).to_be_focused()


def test_the_office_watches_all_units_and_one(page: Page, running: Running) -> None:
    page.set_viewport_size(DESKTOP)
    sign_in(page, running.url, "office")
    expect(page.locator("#live-status")).to_have_text("实时更新中")
    water, repair = (running.do(running.dispatch.add_case(unit)) for unit in ("water", "repair"))
    expect(page.locator(f"#task-{water}")).to_be_visible()
    expect(page.locator(f"#task-{repair}")).to_be_visible()
    page.get_by_label("单位").select_option("repair")
    page.get_by_role("button", name="查看").click()
    expect(page.locator(f"#task-{repair}")).to_be_visible()
    expect(page.locator(f"#task-{water}")).to_have_count(0)
    is_accessible(page)


def test_signing_out_stops_the_live_list(page: Page, running: Running) -> None:
    sign_in(page, running.url, "repair.leader")
    expect(page.locator("#live-status")).to_have_text("实时更新中")
    page.get_by_role("button", name="退出").click()
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    page.goto(running.url + "/dispatch/tasks")
    expect(page.get_by_role("heading", name="登录")).to_be_visible()


def test_an_administrator_makes_and_disables_an_account(page: Page, running: Running) -> None:
    sign_in(page, running.url, ADMINISTRATOR, ADMINISTRATORS_PASSWORD)
    page.goto(running.url + "/dispatch/accounts")
    is_accessible(page)
    page.get_by_label("账号", exact=True).fill("Wang.JianGuo")
    page.get_by_label("姓名").fill("王建国")
    page.get_by_label("角色").select_option("unit_member")
    page.get_by_label("初始密码").fill("123456789012")
    page.get_by_role("button", name="新建").click()
    expect(page.locator("#error-summary")).to_be_visible()
    is_accessible(page)
    page.get_by_label("单位").select_option("hotel")
    page.get_by_label("初始密码").fill("correct horse battery")
    page.get_by_role("button", name="新建").click()
    row = page.get_by_role("row", name="王建国")
    expect(row).to_contain_text("wang.jianguo")
    row.get_by_role("button", name="停用").click()
    expect(row).to_contain_text("已停用")
    is_accessible(page)


def test_a_lost_password_is_given_anew_and_changed_by_its_owner(page: Page, running: Running) -> None:
    sign_in(page, running.url, ADMINISTRATOR, ADMINISTRATORS_PASSWORD)
    page.goto(running.url + "/dispatch/accounts")
    page.get_by_role("row", name="宾馆班组").get_by_role("link", name="重设密码").click()
    is_accessible(page)
    page.get_by_label("新密码").fill("for today only")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("heading", name="账号", exact=True)).to_be_visible()
    page.get_by_role("button", name="退出").click()

    sign_in(page, running.url, "hotel.member", "for today only")
    page.get_by_role("link", name="宾馆班组").click()
    is_accessible(page)
    page.get_by_label("现在的密码").fill("for today only")
    page.get_by_label("新密码", exact=True).fill("correct horse battery")
    page.get_by_label("再输入一次新密码").fill("correct horse")
    page.get_by_role("button", name="更换密码").click()
    expect(page.locator("#error-summary")).to_contain_text("两次输入的新密码不一样")
    is_accessible(page)
    for label, text in (
        ("现在的密码", "for today only"),
        ("新密码", "correct horse battery"),
        ("再输入一次新密码", "correct horse battery"),
    ):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="更换密码").click()
    expect(page.get_by_role("status")).to_contain_text("密码已更换")
    page.get_by_role("link", name="任务清单").click()
    expect(page.locator("#live-status")).to_have_text("实时更新中")
