"""The number of a complaint, `HY-YYMM-serial-check`: short enough to be read out, and a typo is caught.

YYMM is the month of registration in Asia/Shanghai, the serial runs on for ever, and the check character
(ISO 7064 mod 37,2 over YYMM and serial; `*` is one of its characters) finds every single wrong character and
every swapped pair of neighbours. What looks alike on paper, 0 and O or 1, I and l, may be typed for one
another: before the check character there are only digits, and of the check characters that may be meant just
one is right. The price: one typo in some hundred passes for a number, mostly of nothing.
"""

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from stdnum.iso7064 import mod_37_2

__all__ = ["SHANGHAI", "format_number", "parse_number"]

SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHAPE = re.compile(r"(?:HY)?([\dOIL]{4})([\dOIL]{6,12})([0-9A-Z*])", re.ASCII)
_DIGITS = str.maketrans("OIL", "011")
_LOOK_ALIKE = {one: group for group in ("0O", "1IL") for one in group}
_OTHER_SIGNS = str.maketrans("〇×∗|", "0**1")
_SEPARATORS = re.compile(r"[\s\-‐‑‒–—―−_.]+")


def format_number(registered_at: datetime, serial: int) -> str:
    """Return the number of the complaint registered then. ValueError for a time without a zone."""
    if registered_at.tzinfo is None:
        raise ValueError("registered_at has no zone")
    local = registered_at.astimezone(SHANGHAI)
    month = f"{local.year % 100:02d}{local.month:02d}"
    digits = f"{serial:06d}"
    return f"HY-{month}-{digits}-{mod_37_2.calc_check_digit(month + digits)}"


def parse_number(text: str) -> str | None:
    """Return the number meant by what somebody typed, in its one right form; None where it is none.

    Full-width and small letters, blanks, other or missing dashes and characters that look alike are as good.
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_OTHER_SIGNS)
    found = _SHAPE.fullmatch(plain)
    if found is None:
        return None
    month, serial, typed = (found[1].translate(_DIGITS), found[2].translate(_DIGITS), found[3])
    check = mod_37_2.calc_check_digit(month + serial)
    return f"HY-{month}-{serial}-{check}" if check in _LOOK_ALIKE.get(typed, typed) else None
