"""Chinese sentences that are put one after another: each ends exactly once."""

from typing import Final

__all__ = ["sentence"]

_CLOSING: Final = "”’」』）"
_ENDS: Final = "。！？…"


def sentence(text: str) -> str:
    """Return `text` as a sentence that another may follow: with 。 unless it ends already."""
    said = text.strip()
    ended = not said or said.rstrip(_CLOSING).endswith(tuple(_ENDS))
    return said if ended else f"{said}。"
