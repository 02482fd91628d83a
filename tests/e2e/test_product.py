"""The product in a browser, started as a person starts it: from a report to the answer, by three people."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from deploy.local.report import DEMO_PASSWORD
from tests.support.browser import DESKTOP, PHONE, axe_violations, browser
from tests.support.launcher import Launched
from tests.support.wait import eventually_sync

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LIMIT = 60_000  # milliseconds a page may take while the machine is busy
SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
ANSWER = "水管已经更换并试压，恢复供水。给您添麻烦了，谢谢您的反映。"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Launched(tmp_path_factory.mktemp("product"), options=()) as launched:
        yield launched.url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def context(chromium: Browser, size: ViewportSize) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai")
    opened.set_default_timeout(LIMIT)
    expect.set_options(timeout=LIMIT)
    yield opened
    opened.close()


def is_accessible(page: Page) -> None:
    assert axe_violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), page.url


def sign_in(page: Page, url: str, account: str, path: str) -> None:
    page.goto(url + path)
    page.get_by_label("账号").fill(account)
    page.get_by_label("密码").fill(DEMO_PASSWORD)
    is_accessible(page)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"**{path}*")


def register(page: Page, url: str) -> tuple[str, str]:
    """Register a report as a resident does; returns the number and the secret link."""
    page.goto(url)
    page.get_by_label("发生了什么问题").fill("二号楼门前水管爆裂，水一直往外喷 <script>alert(1)</script>")
    page.get_by_label("在什么地方").fill("东区二号楼")
    page.get_by_label("手机号").fill("13800138000")
    is_accessible(page)
    page.get_by_role("button", name="提交").click()
    number = page.locator(".registered-number").inner_text()
    assert re.fullmatch(r"HY-\d{4}-\d{6,}-[0-9A-Z*]", number)
    is_accessible(page)
    link = page.locator(".secret-link a").get_attribute("href")
    assert link
    return number, link


@SIZES
def test_a_resident_registers_and_tracks(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    number, link = register(page, url)

    page.goto(url + "/track")
    page.get_by_label("编号", exact=True).fill(number.lower())
    page.get_by_label("后四位").fill("8000")
    page.get_by_role("button", name="查询").click()

    expect(page.locator("h1")).to_have_text(number)
    assert page.url.endswith(link.rsplit("/", 1)[-1])
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator(".timeline")).to_contain_text("已登记")
    is_accessible(page)


@SIZES
def test_back_and_submit_shows_what_was_registered_before(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    number, _ = register(page, url)
    page.go_back()
    again, _ = register(page, url)

    assert again == number
    expect(page.locator("main")).to_contain_text("刚才已经登记过")
    is_accessible(page)


@SIZES
def test_a_wrong_phone_tail_tells_nothing(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    number, _ = register(page, url)

    page.goto(f"{url}/track?number={number}&phone_tail=1234")

    expect(page.locator("main")).not_to_contain_text("水管爆裂")
    is_accessible(page)


@SIZES
def test_a_wrong_phone_number_is_named_and_keeps_what_was_written(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    page.goto(url)
    page.get_by_label("发生了什么问题").fill("路灯不亮")
    page.get_by_label("在什么地方").fill("东区二号楼")
    page.get_by_label("手机号").fill("12345")
    page.get_by_role("button", name="提交").click()

    expect(page.get_by_label("在什么地方")).to_have_value("东区二号楼")
    expect(page.get_by_label("发生了什么问题")).to_have_value("路灯不亮")
    expect(page.locator("#error-phone")).to_be_visible()
    is_accessible(page)


@SIZES
def test_the_unit_sees_it_come_works_on_it_and_the_resident_reads_the_answer(
    chromium: Browser, context: BrowserContext, url: str
) -> None:
    unit = context.new_page()
    sign_in(unit, url, "water.member", "/dispatch/tasks")
    expect(unit.locator("#live-status")).to_have_text("实时更新中")

    resident = chromium.new_page(viewport=PHONE)
    resident.set_default_timeout(LIMIT)
    number, link = register(resident, url)

    card = unit.locator(".task", has_text=number)
    expect(card).to_be_visible()  # it came over the stream, nobody reloaded
    is_accessible(unit)
    card.get_by_role("button", name="接单").click()
    expect(card).to_contain_text("已接单")

    card.get_by_role("link", name=re.compile(number)).first.click()
    for action in ("到场", "办结"):
        unit.get_by_role("button", name=action).click()
        unit.wait_for_load_state()
    is_accessible(unit)
    unit.get_by_label("答复内容").fill(ANSWER)
    unit.get_by_role("button", name=re.compile("答复")).click()
    expect(unit.locator("main")).to_contain_text(ANSWER)

    resident.goto(link)
    for _ in range(20):
        if resident.get_by_text(ANSWER).count():
            break
        resident.reload()
    expect(resident.locator("main")).to_contain_text(ANSWER)
    is_accessible(resident)
    resident.close()


def shows_details(page: Page, url: str) -> bool:
    """Go to the newest of the last six months in which a unit was charged; False where there is none."""
    page.goto(f"{url}/assessment/statements")
    for _ in range(6):
        if page.get_by_role("link", name=re.compile("查看明细")).count():
            return True
        year, number = (int(part) for part in page.locator("#field-month").input_value().split("-"))
        earlier = f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"
        page.goto(f"{url}/assessment/statements?month={earlier}")
    return False


@SIZES
def test_the_office_follows_the_money_to_its_evidence(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    sign_in(page, url, "office", "/assessment/statements")
    is_accessible(page)
    eventually_sync(lambda: shows_details(page, url), timeout=60)  # what is new takes a moment to be scored
    page.get_by_role("link", name=re.compile("查看明细")).first.click()
    is_accessible(page)
    expect(page.locator("tbody tr").first).to_contain_text("元")
    page.locator("a[href*='/assessment/evidence/']").first.click()
    expect(page.locator("h1")).to_contain_text("依据")
    is_accessible(page)


@SIZES
def test_a_unit_does_not_see_anothers_statement(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    sign_in(page, url, "water.leader", "/assessment/statements")
    expect(page.locator("tbody tr")).to_have_count(1)

    refused = page.goto(f"{url}/assessment/statements/2026-11/repair")

    assert refused is not None
    assert refused.status == 403
    is_accessible(page)
