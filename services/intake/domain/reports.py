"""What a report must hold to be registered: its fields and their limits; what is wrong is said in Chinese."""

import re
from collections.abc import Container
from typing import NamedTuple

import phonenumbers

from shared.texts import clean_line, clean_text

__all__ = [
    "LOCATION_LIMIT",
    "NAME_LIMIT",
    "SUBJECT_LIMIT",
    "TEXT_LIMIT",
    "URGENCIES",
    "FieldError",
    "Given",
    "Report",
    "ReportError",
    "check_report",
    "phone_tail",
]

TEXT_LIMIT = 20_000
SUBJECT_LIMIT = 200
LOCATION_LIMIT = 200
NAME_LIMIT = 50
URGENCIES = ("P1", "P2", "P3")

_PHONE_LIMIT = 40
_MOBILE = re.compile(r"1[3-9][0-9]{9}")


class FieldError(NamedTuple):
    """One field and what is wrong with it."""

    field: str
    message: str


class ReportError(ValueError):
    """A report that cannot be registered as it is; `errors` names each field and reason."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("；".join(f"{one.field}：{one.message}" for one in errors))
        self.errors = errors


class Given(NamedTuple):
    """A report as somebody gave it."""

    text: str = ""
    subject: str = ""
    location: str = ""
    name: str = ""
    phone: str = ""
    category: str | None = None
    urgency: str | None = None


class Report(NamedTuple):
    """A report that is clean and within its limits. `phone` is E.164, empty where none was given."""

    text: str
    subject: str
    location: str
    name: str
    phone: str
    category: str | None
    urgency: str | None


def check_report(given: Given, categories: Container[str], *, located: bool = False) -> Report:
    """Return the report, cleaned. ReportError naming every field that is wrong.

    `located` is whether it must say where: on the form it must, a program or an old record may not know.
    """
    errors: list[FieldError] = []
    text = clean_text(given.text)
    if not text:
        errors.append(FieldError("text", "必须填写，请写明发生了什么"))
    location = clean_line(given.location)
    if located and not location:
        errors.append(FieldError("location", "必须填写，请写明地点；说不清门牌的，写大概的位置就可以"))
    report = Report(
        text=_within("text", text, TEXT_LIMIT, errors),
        subject=_within("subject", clean_line(given.subject), SUBJECT_LIMIT, errors),
        location=_within("location", location, LOCATION_LIMIT, errors),
        name=_within("name", clean_line(given.name), NAME_LIMIT, errors),
        phone=_phone(given.phone, errors),
        category=given.category or None,
        urgency=given.urgency or None,
    )
    if report.category is not None and report.category not in categories:
        errors.append(FieldError("category", "没有这个类别"))
    if report.urgency is not None and report.urgency not in URGENCIES:
        errors.append(FieldError("urgency", "只能是 P1、P2 或 P3"))
    if errors:
        raise ReportError(errors)
    return report


def phone_tail(phone: str) -> str | None:
    """Return the last four digits of an E.164 number, None for none."""
    return phone[-4:] or None


def _within(field: str, value: str, limit: int, errors: list[FieldError]) -> str:
    if len(value) > limit:
        errors.append(FieldError(field, f"太长，最多 {limit} 个字"))
    return value


def _phone(given: str, errors: list[FieldError]) -> str:
    """The number in E.164, read as a number of mainland China unless it names its country."""
    phone = clean_line(given)
    if not phone:
        return ""
    if _MOBILE.fullmatch(phone):  # what nearly everybody types, thirty times as fast
        return f"+86{phone}"
    try:
        number = phonenumbers.parse(phone[:_PHONE_LIMIT], "CN")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or len(phone) > _PHONE_LIMIT or not phonenumbers.is_valid_number(number):
        errors.append(FieldError("phone", "应为 11 位手机号，或带区号的固定电话"))
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
