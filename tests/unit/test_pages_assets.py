"""The vendored assets are what the lock file says, and are served so that they can be cached for ever."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from deploy.assets import __main__ as vendoring
from shared.pages.assets import IMMUTABLE, STATIC, Assets

MANIFEST = json.loads((STATIC / "vendor" / "manifest.json").read_text(encoding="utf-8"))
LOCK = json.loads((vendoring.HERE / "package-lock.json").read_text(encoding="utf-8"))


def hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_every_vendored_file_is_in_the_manifest_with_its_hash() -> None:
    found = hashes(STATIC / "vendor")
    del found["manifest.json"]
    assert found == {name: entry["sha256"] for name, entry in MANIFEST.items()}


def test_the_manifest_has_the_versions_of_the_lock_file_and_it_names_no_registry() -> None:
    for entry in MANIFEST.values():
        assert LOCK["packages"][f"node_modules/{entry['package']}"]["version"] == entry["version"]
    assert not [name for name, package in LOCK["packages"].items() if "resolved" in package]


def test_the_sprite_holds_exactly_the_icons_asked_for() -> None:
    drawn = re.findall(r'<symbol id="([^"]+)"', (STATIC / "vendor" / "icons.svg").read_text(encoding="utf-8"))
    assert drawn == vendoring.icon_names()


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.mount("/dispatch/static", Assets())
    return TestClient(app)


def test_an_address_with_the_right_hash_is_immutable_and_any_other_is_not(client: TestClient) -> None:
    url = Assets().url("/dispatch", "huiying.css")
    assert client.get(url).headers["cache-control"] == IMMUTABLE
    for other in ("/dispatch/static/huiying.css", "/dispatch/static/huiying.css?v=0123456789ab"):
        answer = client.get(other)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


def test_a_missing_asset_is_404_when_served_and_an_error_when_a_template_names_it(client: TestClient) -> None:
    assert client.get("/dispatch/static/none.css").status_code == 404
    with pytest.raises(KeyError):
        Assets().url("", "none.css")


def test_nothing_outside_the_folder_is_served(client: TestClient) -> None:
    assert client.get("/dispatch/static/..%2frender.py").status_code == 404
