"""The team's rules that no linter knows, held over the source as text and syntax."""

import ast
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from deploy.dead import REASONS
from tests.support.root import ROOT

SERVICES = ("intake", "dispatch", "assessment", "notify")
PYTHON = [
    path for folder in ("services", "shared", "deploy") for path in sorted((ROOT / folder).rglob("*.py"))
]
MOST_LINES = 400
NOT_OURS = {
    ".git",
    ".huiying",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "node_modules",
}


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def text(path: Path) -> str:
    return path.read_text()


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted text of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def offences(pattern: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """`file:line` of each line of our code that matches, except in the files `but`."""
    found = []
    for path in PYTHON:
        if ids(path).startswith(but) if but else False:
            continue
        if re.search(pattern, text(path)):
            lines = enumerate(text(path).splitlines(), 1)
            found += [f"{ids(path)}:{number}" for number, line in lines if re.search(pattern, line)]
    return found


def test_only_the_broker_declares_subscribers() -> None:
    assert offences(r"\.subscriber\(", but=("shared/broker.py",)) == []


def test_only_manual_acknowledgement_exists() -> None:
    assert offences(r"AckPolicy\.(?!MANUAL)") == []
    assert offences(r"\b(enable_auto_commit=True|batch=True)", but=("shared/broker.py",)) == []


def test_only_the_relay_publishes() -> None:
    pattern = r"(broker|producer)\.publish\(|send_and_wait\(|AIOKafkaProducer\("
    assert offences(pattern, but=("shared/relay.py", "deploy/local/kafka.py")) == []


def test_only_the_edge_commits() -> None:
    edges = ("shared/inlet.py", "shared/migrations.py", "deploy/local/kafka.py")
    assert offences(r"\.commit\(", but=edges) == []


def test_the_present_moment_comes_from_the_clock() -> None:
    assert offences(r"datetime\.(now|utcnow|today)\(|date\.today\(", but=("shared/clock.py",)) == []


def test_money_is_never_a_float() -> None:
    assert offences(r"(fen|yuan|amount)\w*\s*:\s*float|float\(\w*(fen|yuan|amount)") == []


def test_no_page_names_an_outside_host() -> None:
    pages = [*ROOT.glob("services/*/templates/**/*.html"), *ROOT.glob("shared/pages/templates/**/*.html")]
    assert pages
    named = [ids(page) for page in pages if re.search(r"(src|href|action)=[\"']https?://", page.read_text())]
    assert named == []


def test_a_session_dependency_commits_before_the_response() -> None:
    """A dependency that yields a session needs scope="function": else a failed commit answers 200."""
    assert offences(r"Depends\((?!.*scope=\"function\").*session", but=()) == []


def test_a_file_is_short_enough_to_be_read() -> None:
    assert [ids(path) for path in PYTHON if len(text(path).splitlines()) > MOST_LINES] == []


def test_importing_has_no_side_effect() -> None:
    """Nothing at module level opens, connects, reads the environment or starts."""
    forbidden = re.compile(r"(create_engine|create_app|from_env|KafkaBroker|open|connect|run|FastAPI)$")
    found = []
    for path in PYTHON:
        if "migrations/" in ids(path) or path.name == "__main__.py":
            continue
        for node in ast.parse(text(path)).body:
            if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign):
                found += [
                    f"{ids(path)}:{call.lineno}: {name}"
                    for name, call in calls(node)
                    if forbidden.search(name)
                ]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_shape(service: str) -> None:
    folder = ROOT / "services" / service
    for name in ("domain", "usecases", "tables", "store", "api", "pages"):
        assert (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists(), name
    for name in ("README.md", "app.py", "stream.py", "settings.py", "migrations/env.py"):
        assert (folder / name).exists(), name


def test_every_reason_of_a_dead_letter_has_its_words() -> None:
    given = re.compile(r'(?:Poison\(|Unreadable\(raw, |_bury\(\w+, )"(\w+)"')
    reasons = {reason for path in PYTHON for reason in given.findall(text(path))}
    assert reasons == REASONS.keys()


def test_the_project_speaks_of_itself_alone() -> None:
    """No workplace, registry or tool of one developer's machine is named."""
    words = re.compile(r"/work/|/root/|pypi\.org|registry\.npmjs|repo1?\.maven|localhost:\d{4}/simple")
    kinds = ("*.py", "*.md", "*.toml", "*.lock", "*.json", "*.yaml", "*/Makefile", "*/.ci/run")
    ours: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = set(folders) - NOT_OURS
        ours += [Path(folder, file) for file in files]
    read = [path for path in ours if any(fnmatch(path.as_posix(), kind) for kind in kinds)]
    assert len(read) > 50
    assert [ids(path) for path in read if path != Path(__file__) and words.search(path.read_text())] == []
