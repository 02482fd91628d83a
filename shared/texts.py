"""Dirty text made clean where that is safe, and found where it is not; the same for every service."""

import re

__all__ = ["clean_line", "clean_text", "unsafe_character"]

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_ESCAPED_RETURN = re.compile("_x000D_\n?", re.IGNORECASE)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters but tab and line ends
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    "\u200b\u2060\ufeff"  # without width
    "\ud800-\udfff]"  # halves of a pair
)
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Return `text` with line ends as LF and nothing invisible in it, without the blanks around it.

    An escaped carriage return of a spreadsheet (`_x000D_`) becomes the line end it was. Cleaning what is
    clean changes nothing.
    """
    if not text.isprintable():  # what is printable has neither line ends nor anything invisible
        text = _LINE_ENDS.sub("\n", _INVISIBLE.sub("", text))
    if "_" in text:
        text = _ESCAPED_RETURN.sub("\n", text)
    return text.strip()


def clean_line(text: str) -> str:
    """Return `text` cleaned, on one line."""
    text = clean_text(text)
    if "\n" not in text:
        return text
    parts = (part.strip() for part in text.split("\n"))
    return " ".join(part for part in parts if part)


def unsafe_character(text: str) -> str | None:
    """Name, in Chinese, a character that cannot be kept; None where there is none."""
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    return "空字符 NUL" if found.group() == "\x00" else "不成对的代理字符"
