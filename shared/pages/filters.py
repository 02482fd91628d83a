"""Template filters: how times, durations, money and phone numbers are written for Chinese readers.

Durations follow the same words in static/staff.js, which counts open clocks down in the browser.
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
MISSING = "—"
_FROM_FIRST_NUMBER = re.compile(r"[0-9〇一二三四五六七八九十].*", re.DOTALL)
MINUTES_PER_DAY = 24 * 60
URGENCY_NAMES = {"P1": "危及安全", "P2": "紧急", "P3": "一般"}
ROLE_NAMES = {
    "operator": "话务员",
    "unit_member": "班组人员",
    "unit_leader": "单位负责人",
    "office": "归口管理",
    "company_leader": "公司领导",
    "administrator": "系统管理员",
    "service": "系统接口",
}


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a page was given a time without a zone: {value!r}")
    return value


def local_time(value: datetime | None) -> str:
    """Return an instant as `2026-11-22 14:05` in Asia/Shanghai; a dash for none.

    Raises ValueError for a time without a zone.
    """
    return MISSING if value is None else _aware(value).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def utc_iso(value: datetime) -> str:
    """Return an instant for a `<time datetime>` attribute, as ISO 8601 in UTC with whole seconds."""
    return _aware(value).astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration_zh(minutes: int) -> str:
    """Return whole minutes as `3 小时 20 分`, in the two largest units; the sign is the caller's to tell."""
    left = abs(minutes)
    days, left = divmod(left, MINUTES_PER_DAY)
    hours, rest = divmod(left, 60)
    if days:
        return f"{days} 天 {hours} 小时" if hours else f"{days} 天"
    if hours:
        return f"{hours} 小时 {rest} 分" if rest else f"{hours} 小时"
    return f"{rest} 分" if rest else "不到 1 分"


def relative_time(value: datetime, now: datetime) -> str:
    """Return how far an instant is from `now`: `刚刚`, `20 分钟前`, `3 小时前`, `2 天后`."""
    minutes = int((_aware(value) - _aware(now)) / timedelta(minutes=1))
    side = "后" if minutes > 0 else "前"
    size = abs(minutes)
    if size < 1:
        return "刚刚"
    if size < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{size} 分钟{side}"
    if size < MINUTES_PER_DAY:
        return f"{size // 60} 小时{side}"
    return f"{size // MINUTES_PER_DAY} 天{side}"


def yuan(fen: int) -> str:
    """Return integer fen as `-50.00 元`; a dot between yuan and fen and commas between thousands."""
    sign = "-" if fen < 0 else ""
    whole, cents = divmod(abs(fen), 100)
    return f"{sign}{whole:,}.{cents:02d} 元"


def phone_masked(phone: str | None) -> str:
    """Return a phone number with all but its ends hidden, `138****5678`; a dash for none."""
    if not phone:
        return MISSING
    digits = "".join(character for character in phone.removeprefix("+86") if character.isdigit())
    if len(digits) < 7:  # noqa: PLR2004 - an extension: its ends would be all of it
        return "****"
    return f"{digits[:3]}****{digits[-4:]}"


def place_masked(place: str) -> str:
    """Return where something is without the house: `东区 12 号楼` as `东区 ***`, from its first number on."""
    return _FROM_FIRST_NUMBER.sub("***", place)


def urgency_name(urgency: str) -> str:
    """Return the Chinese name of an urgency; the code itself where it is another."""
    return URGENCY_NAMES.get(urgency, urgency)


def role_name(role: str) -> str:
    """Return the Chinese name of a sign-in role; KeyError for an unknown one."""
    return ROLE_NAMES[role]
