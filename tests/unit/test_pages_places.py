"""Which page a request came from, and that signing in leads back there and nowhere else."""

import pytest
from starlette.testclient import TestClient

from shared.pages.places import path_of
from tests.support.pages.preview import create_app

HOST = "huiying.example:8443"


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (
            f"https://{HOST}/dispatch/tasks?state=overdue&unit=water",
            "/dispatch/tasks?state=overdue&unit=water",
        ),
        (f"http://{HOST}/dispatch/tasks#answer", "/dispatch/tasks"),
        (f"https://{HOST}", None),
        ("https://huiying.example/dispatch/tasks", None),
        ("https://evil.example/dispatch/tasks", None),
        (f"https://{HOST}@evil.example/", None),
        (f"https://{HOST}//evil.example/", None),
        (f"https://{HOST}/\\evil.example/", None),
        (f"https://{HOST}/a\x7fb", None),
        (f"javascript://{HOST}/x", None),
        ("https://[", None),
        ("/dispatch/tasks", None),
        ("", None),
    ],
)
def test_only_a_page_of_this_site_is_a_place(address: str, path: str | None) -> None:
    assert path_of(address, HOST) == path


def test_a_request_without_a_host_came_from_nowhere() -> None:
    assert path_of("https:///dispatch/tasks", "") is None


@pytest.mark.parametrize(
    ("headers", "link"),
    [
        ({"referer": "http://testserver/dispatch/cases/7?x=1"}, "?next=/dispatch/cases/7%3Fx%3D1"),
        ({"referer": "https://evil.example/dispatch/cases/7"}, ""),
        ({}, ""),
        (
            {"HX-Request": "true", "HX-Current-URL": "http://testserver/dispatch/tasks?state=overdue"},
            "?next=/dispatch/tasks%3Fstate%3Doverdue",
        ),
    ],
)
def test_who_has_to_sign_in_again_comes_back_to_the_page(headers: dict[str, str], link: str) -> None:
    answer = TestClient(create_app()).get("/preview/dispatch/error/401", headers=headers)

    assert answer.status_code == 401
    assert f'href="/dispatch/sign-in{link}"' in answer.text
