"""The client finds credentials, waits for services that restart, and says plainly what it cannot do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from deploy.client import TOKEN_VARIABLE, Client, RefusedError, connect
from deploy.local.descriptor import Descriptor, find_descriptor, write_descriptor
from deploy.local.errors import LaunchError
from deploy.local.places import free_ports


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(httpserver: HTTPServer, pauses: list[float]) -> Iterator[Client]:
    with Client(httpserver.url_for("").rstrip("/"), "secret", patience=30, pause=pauses.append) as made:
        yield made


def describe(url: str, token: str) -> None:
    nothing: dict[str, Any] = {"databases": {}, "auditor": {}, "services": {}, "pids": {}}
    write_descriptor(Descriptor(url=url, data_dir="", kafka="", token=token, **nothing))


def answering(httpserver: HTTPServer, *answers: tuple[int, Any]) -> list[Request]:
    """Give the answers one after the other, the last one for ever; return what was asked."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        status, content = answers[min(len(asked), len(answers)) - 1]
        return Response(json.dumps(content), status, content_type="application/json")

    httpserver.expect_request("/x").respond_with_handler(answer)
    return asked


def test_a_token_left_by_a_local_installation_is_used(httpserver: HTTPServer) -> None:
    url = httpserver.url_for("").rstrip("/")
    describe(url, "local")
    asked = answering(httpserver, (200, {"ok": 1}))

    with connect(f"{url}/some/page") as client:
        assert client.get("/x", a="b") == {"ok": 1}

    assert asked[0].headers["Authorization"] == "Bearer local"
    assert asked[0].args.to_dict() == {"a": "b"}


def test_elsewhere_the_token_comes_from_the_environment(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, " given \n")
    asked = answering(httpserver, (200, {}))

    with connect(httpserver.url_for("")) as client:
        client.get("/x")

    assert asked[0].headers["Authorization"] == "Bearer given"


def test_without_a_token_both_ways_to_one_are_named() -> None:
    with pytest.raises(LaunchError) as refused:
        connect("http://127.0.0.1:8080")

    assert "huiying up" in refused.value.line()
    assert TOKEN_VARIABLE in refused.value.line()


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8080", "ftp://a", "http://", "http://a:x", "http://a:99999", "http://[bad", "http://a:0"],
)
def test_what_is_no_address_is_said_so(url: str) -> None:
    for ask in (connect, find_descriptor):
        with pytest.raises(LaunchError, match="地址不对"):
            ask(url)


@pytest.mark.parametrize("host", ["a\x7fb", "a..b", "xn--", "a" * 64])
def test_a_host_that_cannot_be_one_is_said_so(host: str) -> None:
    with pytest.raises(LaunchError, match="地址不对"):
        connect(f"http://{host}")


def test_a_service_that_restarts_is_waited_for(
    client: Client, httpserver: HTTPServer, pauses: list[float]
) -> None:
    asked = answering(httpserver, (503, {"detail": "稍候"}), (502, None), (200, [1]))

    assert client.post("/x", {"rows": []}) == [1]

    assert [request.get_json() for request in asked] == [{"rows": []}] * 3
    assert pauses == sorted(pauses)


def test_waiting_ends(httpserver: HTTPServer) -> None:
    answering(httpserver, (503, None))

    with (
        Client(httpserver.url_for(""), "secret", patience=0) as client,
        pytest.raises(LaunchError, match="没有恢复"),
    ):
        client.get("/x")


def test_where_nothing_listens_nothing_is_waited_for(pauses: list[float]) -> None:
    (port,) = free_ports(1)

    with (
        Client(f"http://127.0.0.1:{port}", "secret", pause=pauses.append) as client,
        pytest.raises(LaunchError, match="没有响应"),
    ):
        client.get("/x")

    assert pauses == []


def test_a_connection_that_breaks_after_an_answer_is_tried_again(pauses: list[float]) -> None:
    with (
        HTTPServer() as server,
        Client(server.url_for(""), "secret", patience=1, pause=pauses.append) as client,
    ):
        answering(server, (200, {}))
        client.get("/x")
        server.stop()  # type: ignore[no-untyped-call]

        with pytest.raises(LaunchError, match="没有恢复"):
            client.get("/x")

    assert pauses


@pytest.mark.parametrize(
    ("status", "said"), [(401, "huiying up"), (403, "有权限的凭据"), (404, "没有这个月"), (422, "没有这个月")]
)
def test_a_refusal_is_the_installations_own_words(
    client: Client, httpserver: HTTPServer, status: int, said: str
) -> None:
    answering(httpserver, (status, {"detail": "没有这个月"}))

    with pytest.raises(RefusedError) as refused:
        client.get("/x")

    assert refused.value.status == status
    assert said in refused.value.line()
    assert "没有这个月" in refused.value.line()


def test_another_program_at_the_address_is_recognised(client: Client, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("<html>", content_type="text/html")

    with pytest.raises(LaunchError, match="不是回应系统"):
        client.get("/x")
