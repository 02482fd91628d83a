"""What the launcher writes for Java to read."""

import os
from pathlib import Path

import pytest

from deploy.local.errors import LaunchError
from deploy.local.kafka import Kafka
from deploy.local.kafka_parts import java_environment
from deploy.local.properties import check_data_folder, properties_text
from deploy.local.up import Launch


def test_a_path_in_chinese_is_written_as_java_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "数据" / "𠮷"
    folder.mkdir(parents=True)
    properties = Kafka(folder / "kafka", "id", 1, 2)._write_properties()

    written = properties.read_bytes().decode("ascii")

    assert f"log.dirs={tmp_path}/\\u6570\\u636e/\\ud842\\udfb7/kafka\n" in written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (" a b ", r"\u0020a\u0020b\u0020"),
        ("C:\\new\ttab", r"C:\u005cnew\u0009tab"),
        ("/plain/path-1_2.3", "/plain/path-1_2.3"),
    ],
)
def test_what_java_would_read_otherwise_is_escaped(value: str, written: str) -> None:
    assert properties_text({"name": value}) == f"name={written}\n"


@pytest.mark.parametrize(("name", "why"), [("a,b", "有英文逗号"), (os.fsdecode(b"a\xff"), "不是 UTF-8 文字")])
def test_a_folder_that_kafka_cannot_name_is_refused_before_it_is_made(
    tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(LaunchError, match=why):
        Launch(1, tmp_path / name / "data", demo=False).run()

    assert not list(tmp_path.iterdir())


def test_a_folder_with_blanks_is_fit(tmp_path: Path) -> None:
    check_data_folder(tmp_path / " 数据 " / "x ")


def test_java_names_files_in_utf_8_whatever_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("LANG", "C")

    assert java_environment()["LC_ALL"] == "C.UTF-8"
