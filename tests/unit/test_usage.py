"""A command line that cannot be read is refused in Chinese."""

import pytest
from typer.exceptions import TyperException

from deploy.cli import app, main
from deploy.usage import in_chinese

SERVICES = "service 只能是：intake、dispatch、assessment、notify"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nonsense", "没有命令 nonsense"),
        ("dead lst", "没有命令 lst，相近的有：list"),
        ("dead re'play", "没有命令 re'play，相近的有：replay"),
        ("it's", "没有命令 it's"),
        ("importt", "没有命令 importt，相近的有：import"),
        ("statement", "缺少选项 --month"),
        ("statement --month", "选项 --month 后面缺少值"),
        ("statement --mont 2019-04", "没有选项 --mont，相近的有：--json、--month、--unit"),
        ("statement -x", "没有选项 -x"),
        ("statement --month 2019-04 more words", "多出的参数：more words"),
        ("evidence nonsense", "EVENT_ID 不是编号，编号形如 01920f2e-….-….-….-…………"),
        ("up --port high", "--port 应为整数"),
        ("up --port 0", "--port 不能小于 1"),
        ("up --port 65536", "--port 不能大于 65535"),
        ("import", "缺少参数 file"),
        ("import --dry-run=3 file.xlsx", "选项 --dry-run 不带值"),
        ("serve", SERVICES),
        ("serve nonsense", SERVICES),
    ],
)
def test_what_is_wrong_is_said_in_chinese(line: str, expected: str) -> None:
    with pytest.raises(TyperException) as caught:
        app(line.split(), standalone_mode=False)
    assert in_chinese(caught.value.format_message()) == expected


def test_a_message_nobody_knows_is_kept() -> None:
    assert in_chinese("Something new.") == "Something new."


@pytest.mark.parametrize(("line", "said"), [("statement", "错误：缺少选项 --month"), ("", "")])
def test_it_is_told_on_standard_error_and_ends_with_2(
    line: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["huiying", *line.split()])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err.split("\n")[0] == said


def test_what_the_person_typed_is_shown_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["huiying", "import", "[bold]没有.xlsx"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "错误：没有这个文件：[bold]没有.xlsx\n"
