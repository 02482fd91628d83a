"""The vendored assets are what npm and the lock file give today."""

import hashlib
import shutil
from pathlib import Path

import pytest

from deploy.assets import __main__ as vendoring
from shared.pages.assets import STATIC


def hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.mark.timeout(300)
def test_a_fresh_build_gives_the_committed_files(tmp_path: Path) -> None:
    """Where npm is absent or cannot reach its registry, the test of the manifest stands for this one."""
    if shutil.which("npm") is None:
        return
    try:
        modules = vendoring.install(tmp_path)
    except vendoring.NpmError as error:
        if not error.offline:
            raise
        return
    vendoring.build(modules, tmp_path / "vendor")
    assert hashes(tmp_path / "vendor") == hashes(STATIC / "vendor")
