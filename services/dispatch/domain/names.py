"""What another system calls itself and its complaints, cleaned as intake cleans it.

Else an answer whose name came dirty would wait for its complaint for ever.
"""

import re
from typing import Final

__all__ = ["clean_name"]

_LINE_ENDS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]|_x000D_\n?", re.IGNORECASE)
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)


def clean_name(text: str) -> str:
    """Return `text` on one line, without what is invisible and the blanks around each line it had."""
    lines = _LINE_ENDS.sub("\n", _INVISIBLE.sub("", text)).strip().split("\n")
    return " ".join(line for line in map(str.strip, lines) if line)
