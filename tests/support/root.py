"""Where the project lies."""

from pathlib import Path
from typing import Final

__all__ = ["ROOT"]

ROOT: Final = Path(__file__).resolve().parents[2]
"""The project's root folder, in which programs under test are started."""
