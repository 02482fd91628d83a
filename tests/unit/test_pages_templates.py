"""Every page of the four services, in every state, holds to the same few rules."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from deploy.assets.__main__ import icon_names
from services.intake.pages.reporting import LABELS
from shared.pages.assets import STATIC
from shared.pages.errors import ERRORS
from tests.support.pages.preview import PAGES, SAMPLES, SERVICES, create_app, paths
from tests.support.root import ROOT

TEMPLATES = sorted([*SERVICES.glob("*/templates/*.html"), *(ROOT / "shared/pages/templates").glob("*.html")])
HAN = "\u4e00-\u9fff"


class Tags(HTMLParser):
    """The tags of a page with their attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app()) as made:
        yield made


class Page:
    """What a browser gets that asks for a path."""

    def __init__(self, client: TestClient, path: str) -> None:
        self.answer = client.get(path, headers={"accept": "text/html"})
        self.tags = Tags(self.answer.text).found


@pytest.fixture(scope="module")
def page(client: TestClient) -> Callable[[str], Page]:
    """Ask for a path, each only once."""
    return cache(lambda path: Page(client, path))


@pytest.mark.parametrize("path", paths())
def test_a_page_is_chinese_html_that_a_strict_content_policy_lets_through(
    page: Callable[[str], Page], path: str
) -> None:
    answer, tags = page(path).answer, page(path).tags

    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert ("html", {"lang": "zh-CN"}) in tags
    assert [tag for tag, _ in tags].count("h1") == 1
    assert not [
        tag for tag, attributes in tags if tag == "style" or (tag == "script" and "src" not in attributes)
    ]
    assert not [
        name for _, attributes in tags for name in attributes if name == "style" or name.startswith("on")
    ]
    outside = [attributes.get(name) or "" for _, attributes in tags for name in ("src", "href", "action")]
    assert not [url for url in outside if "//" in url and not url.startswith("http://127.0.0.1:8080/track/")]


@pytest.mark.parametrize("path", paths())
def test_ids_are_unique_and_every_label_and_description_names_one(
    page: Callable[[str], Page], path: str
) -> None:
    tags = page(path).tags
    ids = Counter(attributes["id"] for _, attributes in tags if "id" in attributes)
    assert not [name for name, times in ids.items() if times > 1]
    for _, attributes in tags:
        for name in ("for", "aria-describedby", "aria-labelledby"):
            assert set((attributes.get(name) or "").split()) <= set(ids), (name, attributes)


def test_each_sample_keeps_its_status(page: Callable[[str], Page]) -> None:
    assert {sample.path: page(sample.path).answer.status_code for sample in SAMPLES} == {
        sample.path: sample.status for sample in SAMPLES
    }


def test_every_page_template_has_a_sample() -> None:
    pages = {path.relative_to(SERVICES) for path in SERVICES.glob("*/templates/[!_]*.html")}
    assert pages == {Path(sample.service) / "templates" / sample.template for sample in SAMPLES}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_use_known_icons_and_chinese_punctuation(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert set(re.findall(r'icon\("([a-z-]+)"', text)) <= set(icon_names())
    prose = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    assert not re.findall(rf"[{HAN}][,;:?!(][{HAN}]", prose.replace("用户:密码", ""))
    assert not re.findall(r"\|\s*safe|Markup|autoescape false", prose)


def test_every_icon_of_the_sprite_is_used() -> None:
    sources = [*TEMPLATES, *STATIC.glob("*.js")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [name for name in icon_names() if f'"{name}"' not in text and f'#{name}"' not in text] == []


def test_what_was_typed_is_escaped_and_kept() -> None:
    errors = {"location": "请写明地点"}
    values = {"text": "<script>alert(1)</script>", "location": '"><img src=x>'}
    html = PAGES["intake"].fragment(
        "home.html", categories=[], labels=LABELS, values=values, errors=errors, idempotency_key="k"
    )
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</textarea>" in html
    assert 'aria-invalid="true"' in html


def test_who_hears_the_timeline_is_told_what_is_done_and_what_is_not(client: TestClient) -> None:
    html = client.get("/preview/intake/result").text
    heard = re.findall(r'<span class="visually-hidden">(已完成|未完成)：</span>(\w+)', html)
    assert [done for done, _ in heard] == ["已完成"] * 3 + ["未完成"] * 3
    assert [name[0] for _, name in heard] == ["已"] * 3 + ["待"] * 3


def test_a_phone_number_is_masked_unless_it_was_revealed(client: TestClient) -> None:
    hidden = client.get("/preview/dispatch/case").text
    assert "13812345678" not in hidden
    assert "138****5678" in hidden
    assert "13812345678" in client.get("/preview/dispatch/case-answered").text


def test_without_channels_each_is_told_what_they_can_do(client: TestClient) -> None:
    keeper = client.get("/preview/notify/channels-empty").text
    others = client.get("/preview/notify/channels-read-only-empty").text
    add, ask = "请先为每个单位添加", "请联系生产管理室添加"
    assert (add in keeper, ask in keeper) == (True, False)
    assert (add in others, ask in others) == (False, True)


def test_a_missing_value_is_an_error_not_a_hole_in_the_page() -> None:
    with pytest.raises(Exception, match="idempotency_key"):
        PAGES["intake"].fragment("home.html", categories=[], labels=LABELS, values={}, errors={})


@pytest.mark.parametrize("status", ERRORS)
def test_an_error_says_what_happened_and_what_to_do_next(client: TestClient, status: int) -> None:
    answer = client.get(f"/preview/intake/error/{status}")
    assert answer.status_code == status
    for words in (*ERRORS[status], "7f3a91c2"):
        assert words in answer.text


def test_a_status_without_a_page_of_its_own_is_explained_by_its_class(client: TestClient) -> None:
    assert ERRORS[400].cause in client.get("/preview/intake/error/418").text
    assert ERRORS[500].cause in client.get("/preview/intake/error/502").text


@pytest.mark.parametrize(
    ("service", "home"),
    [
        ("intake", "/"),
        ("dispatch", "/dispatch/tasks"),
        ("assessment", "/assessment/statements"),
        ("notify", "/notify/deliveries"),
    ],
)
def test_an_error_leads_back_to_where_one_was(page: Callable[[str], Page], service: str, home: str) -> None:
    tags = page(f"/preview/{service}/error/404").tags

    assert home in [
        attrs.get("href") for tag, attrs in tags if tag == "a" and attrs.get("class") == "btn btn-primary"
    ]


def test_an_htmx_request_gets_its_error_as_an_alert(client: TestClient) -> None:
    answer = client.get("/preview/dispatch/error/409", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert '<div id="alerts" role="alert" hx-swap-oob="innerHTML">' in answer.text
    assert "<html" not in answer.text
