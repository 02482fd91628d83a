"""Every page in a real browser, phone and desktop: accessible, big enough to touch, nothing refused, live."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from shared.pages.filters import duration_zh
from tests.support.browser import DESKTOP, PHONE, axe_violations, browser
from tests.support.pages.preview import paths, running
from tests.support.pages.sample import case_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# Controls that stand alone; links inside sentences and table cells are text.
SMALL_TARGETS = """() => [...document.querySelectorAll(
    "button, summary, input:not([type=hidden]), select, .btn, nav a, .back")]
  .map((part) => part.type === "checkbox" ? part.closest("label") : part)
  .filter((part) => part.getBoundingClientRect().width)
  .filter((part) => Math.min(part.getBoundingClientRect().width, part.getBoundingClientRect().height) < 43.5)
  .map((part) => part.outerHTML.slice(0, 120))"""
TOO_WIDE = "() => document.documentElement.scrollWidth > window.innerWidth"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    opened = chromium.new_page(viewport=PHONE)
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_page_is_accessible_and_fits(page: Page, url: str, size: ViewportSize) -> None:
    page.set_viewport_size(size)
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    found: dict[str, list[object]] = {}
    for path in paths([403, 500]):
        page.goto(url + path)
        problems = [*axe_violations(page), *page.evaluate(SMALL_TARGETS)]
        if page.evaluate(TOO_WIDE):
            problems.append("wider than the screen")
        problems += [text for text in complaints if "the server responded with a status of" not in text]
        complaints.clear()
        if problems:
            found[path] = problems
    assert found == {}


def test_large_type_still_fits_a_phone(page: Page, url: str) -> None:
    for path in paths([403, 500]):
        page.goto(url + path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert not page.evaluate(TOO_WIDE), path


def test_the_feed_follows_the_stream_in_order_of_time_left(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks")
    numbers = page.locator(".task-number")
    expect(numbers).to_have_text([f"HY-2611-{number:06d}-X" for number in (125, 121, 122, 124)])
    expect(page.locator("#live-status")).to_have_text("实时更新中")
    expect(page.locator("#task-counts .count").first).to_have_text("9")
    expect(page.locator(f"#task-{case_id(122)}")).to_contain_text("已办结")


def test_a_phone_shows_every_list_and_which_one_it_is_on(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks-answered")
    lists = page.locator("#task-counts a")
    expect(lists).to_have_count(5)
    for place in range(5):
        expect(lists.nth(place)).to_be_in_viewport(ratio=1)
    expect(page.locator("#task-counts [aria-current]")).to_contain_text("已答复")


def test_an_empty_feed_fills_when_a_task_arrives(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks-empty")
    expect(page.locator(".task")).to_have_count(2)
    expect(page.locator("#no-tasks")).to_be_hidden()


def test_an_action_on_a_card_changes_it_in_place_and_a_refusal_is_said(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks")
    card = page.locator(f"#task-{case_id(121)}")
    card.get_by_role("button", name="接单").click()
    expect(card).to_contain_text("已接单")
    card.get_by_role("button", name="到场").click()
    expect(page.get_by_role("alert")).to_contain_text("任务 121 已由他人处理")


def test_the_keyboard_stays_on_the_card_it_acted_on(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks")
    expect(page.locator("#task-counts .count").first).to_have_text("9")  # the stream has told all
    card = page.locator(f"#task-{case_id(121)}")
    card.get_by_role("button", name="接单").press("Enter")
    arrive = card.get_by_role("button", name="到场")
    expect(arrive).to_be_focused()
    arrive.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("任务 121 已由他人处理")
    expect(arrive).to_be_focused()


def test_a_refusal_is_said_where_the_person_is_until_it_is_closed(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto(url + "/preview/dispatch/tasks")
    card = page.locator(f"#task-{case_id(121)}")
    card.get_by_role("button", name="接单").click()
    card.get_by_role("button", name="到场").click()
    alert = page.get_by_role("alert")
    expect(alert.locator(".alert-box")).to_be_in_viewport(ratio=1)
    assert page.evaluate("window.scrollY") > 0
    assert axe_violations(page) == []
    assert page.evaluate(SMALL_TARGETS) == []
    alert.get_by_role("button", name="关闭提示").click()
    expect(alert).to_be_empty()
    expect(page.locator("#main")).to_be_focused()


def test_who_was_signed_out_meanwhile_is_led_to_sign_in_and_back(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks?state=open&unit=water")
    card = page.locator(f"#task-{case_id(121)}")
    card.get_by_role("button", name="接单").click()
    card.get_by_role("button", name="办结").click()
    link = page.get_by_role("alert").get_by_role("link", name="登录")
    expect(link).to_have_attribute(
        "href", "/dispatch/sign-in?next=/preview/dispatch/tasks%3Fstate%3Dopen%26unit%3Dwater"
    )
    assert axe_violations(page) == []
    assert page.evaluate(SMALL_TARGETS) == []


def test_an_action_that_gets_no_answer_says_so_and_can_be_tried_again(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks")
    card, alert = page.locator(f"#task-{case_id(121)}"), page.get_by_role("alert")
    accept = card.get_by_role("button", name="接单")
    page.route("**/accept", lambda route: route.abort("internetdisconnected"))
    accept.click()
    expect(alert).to_have_text("没有发出，请检查网络后再试。")
    page.unroute("**/accept")
    page.route("**/accept", lambda route: route.fulfill(status=502, body=""))
    accept.click()
    expect(alert).to_have_text("没有成功，请稍后再试。")
    page.unroute("**/accept")
    accept.click()
    expect(card).to_contain_text("已接单")
    expect(alert).to_be_empty()


def test_the_browser_counts_down_in_the_words_of_the_server(page: Page, url: str) -> None:
    page.goto(url + "/preview/dispatch/tasks")
    minutes = [0, 45, 60, 200, 1440, 1441, 1500, -200]
    assert page.evaluate("minutes => minutes.map(durationZh)", minutes) == [
        duration_zh(left) for left in minutes
    ]


def test_what_was_typed_survives_a_failed_send_until_it_is_registered(page: Page, url: str) -> None:
    page.goto(url + "/preview/intake/home")
    page.get_by_label("发生了什么问题").fill("厨房漏水")
    page.get_by_label("手机号").fill("13812345678")
    page.reload()
    expect(page.get_by_label("发生了什么问题")).to_have_value("厨房漏水")
    expect(page.get_by_label("手机号")).to_have_value("")
    page.goto(url + "/preview/intake/registered")
    page.goto(url + "/preview/intake/home")
    expect(page.get_by_label("发生了什么问题")).to_have_value("")


def test_the_number_is_copied(page: Page, url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(url + "/preview/intake/registered")
    page.get_by_role("button", name="复制编号").click()
    expect(page.get_by_role("button", name="已复制")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "HY-2611-000123-X"


@pytest.mark.parametrize(
    ("path", "scripted"),
    [
        ("intake/registered", "[data-copy]"),
        ("intake/result", "[data-print]"),
        ("assessment/statements", "[data-print]"),
        ("dispatch/tasks", "#live-status"),
    ],
)
def test_what_needs_scripts_is_there_with_them_alone(
    chromium: Browser, url: str, path: str, scripted: str
) -> None:
    for runs in (True, False):
        page = chromium.new_page(viewport=PHONE, java_script_enabled=runs)
        page.goto(f"{url}/preview/{path}")
        expect(page.locator(scripted).first).to_be_visible(visible=runs)
        assert page.locator(f"{scripted}:visible").count() == (page.locator(scripted).count() if runs else 0)
        expect(page.get_by_text("正在连接")).to_be_visible(visible=False)
        page.close()


def test_the_keyboard_reaches_the_content_first(page: Page, url: str) -> None:
    page.goto(url + "/preview/intake/home")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("发生了什么问题")).to_be_focused()
