"""Kafka's jars come in the locked versions, whole, or not at all."""

import hashlib
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from deploy.local import kafka_parts
from deploy.local.errors import LaunchError
from deploy.local.places import free_ports

JAR = b"not really a jar"
PATH = "/org/example/thing/1.0/thing-1.0.jar"


@pytest.fixture(autouse=True)
def one_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> None:
    """Lock one jar, and let a mirror of our own be asked for it."""
    digest = hashlib.sha256(JAR).hexdigest()
    lock = tmp_path / "jgo.lock.toml"
    lock.write_text(
        "[[dependencies]]\n"
        'groupId = "org.example"\nartifactId = "thing"\nversion = "1.0"\npackaging = "jar"\n'
        f'sha256 = "{digest}"\n'
    )
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\nmirror = {httpserver.url_for('').rstrip('/')}\n")
    monkeypatch.setattr(kafka_parts, "LOCK", lock)
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def serve(httpserver: HTTPServer, content: bytes) -> None:
    httpserver.expect_request(PATH).respond_with_data(content)
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    httpserver.expect_request(f"{PATH}.sha1").respond_with_data(digest)


def test_jars_are_downloaded_once_and_then_used_offline(httpserver: HTTPServer) -> None:
    serve(httpserver, JAR)
    first = kafka_parts.kafka_parts()
    asked = len(httpserver.log)
    second = kafka_parts.kafka_parts()

    assert first.jars[0].read_bytes() == JAR
    assert second == first
    assert len(httpserver.log) == asked


def test_a_jar_that_was_damaged_later_is_fetched_again(httpserver: HTTPServer) -> None:
    serve(httpserver, JAR)
    (jar,) = kafka_parts.kafka_parts().jars
    jar.write_bytes(JAR[:5])

    kafka_parts.kafka_parts()

    assert jar.read_bytes() == JAR


def test_a_jar_with_another_sum_is_refused(httpserver: HTTPServer) -> None:
    serve(httpserver, b"something else")

    with pytest.raises(LaunchError, match="校验和不符"):
        kafka_parts.kafka_parts()
    with pytest.raises(LaunchError, match="校验和不符"):
        kafka_parts.kafka_parts()


def test_a_mirror_that_does_not_answer_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "jgo.conf").write_text(f"[repositories]\nmirror = http://127.0.0.1:{free_ports(1)[0]}\n")

    with pytest.raises(LaunchError, match="不能下载 Kafka 的组件") as failure:
        kafka_parts.kafka_parts()
    assert "Maven" in failure.value.advice
