"""Reading the rule book's categories and time standards from plain values, with errors that name the path."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import product

from services.dispatch.domain.standards import (
    ANY,
    KINDS,
    URGENCIES,
    Basis,
    Category,
    ClockKind,
    ClockLimit,
    RowClock,
    StandardBook,
    StandardRow,
)

__all__ = ["read_rule_book"]


def read_rule_book(body: Mapping[str, object]) -> StandardBook:
    """Return what dispatch needs of a rule book's plain values (the body on `rulebook.state`).

    Raises ValueError naming the path of what is wrong. Proves the promise of a book: whatever the unit,
    category, kind and urgency, a case has at least an accept and an answer clock, and an answer `at_close`
    has a completion to be due with.
    """
    categories = [_category(entry, path) for entry, path in _items(body.get("categories"), "categories")]
    rows = [_row(entry, path) for entry, path in _items(body.get("time_standards"), "time_standards")]
    _no_repeats("categories", (category.code for category in categories))
    _no_repeats("time_standards", (row.code for row in rows))
    _no_repeats("time_standards", (f"{row.unit}/{row.category}/{row.kind}/{row.urgency}" for row in rows))
    book = StandardBook(
        version=_positive(body.get("version"), "version"),
        in_force_from=_moment(body.get("in_force_from"), "in_force_from"),
        categories={category.code: category for category in categories},
        rows=tuple(sorted(rows, key=lambda row: row.specificity, reverse=True)),
    )
    _check_no_gap(book)
    return book


def _check_no_gap(book: StandardBook) -> None:
    """Look up every combination; a unit the book never names is covered as `any other`."""
    units = {row.unit for row in book.rows} | {c.unit for c in book.categories.values() if c.unit}
    named = {row.category for row in book.rows} - {ANY}
    cases = product(sorted(units), (None, *sorted(named)), (None, *KINDS), URGENCIES)
    for unit, category, kind, urgency in cases:
        book.standard_for(unit, category, urgency, kind)


def _category(entry: Mapping[str, object], path: str) -> Category:
    unit = entry.get("unit")
    return Category(
        code=_text(entry, "code", path),
        name=_text(entry, "name", path),
        unit=None if unit is None else _text(entry, "unit", path),
        urgency=_one_of(entry, "urgency", URGENCIES, path),
        kind=_one_of(entry, "kind", KINDS, path),
    )


def _row(entry: Mapping[str, object], path: str) -> StandardRow:
    match, clocks = (
        _mapping(entry.get("match"), f"{path}.match"),
        _mapping(entry.get("clocks"), f"{path}.clocks"),
    )
    if unknown := sorted(clocks.keys() - {str(kind) for kind in ClockKind}):
        raise ValueError(f"{path}.clocks.{unknown[0]}: no such clock")
    return StandardRow(
        code=_text(entry, "code", path),
        title=_text(entry, "title", path),
        unit=_text(match, "unit", f"{path}.match"),
        category=_text(match, "category", f"{path}.match"),
        kind=_one_of(match, "kind", (ANY, *KINDS), f"{path}.match"),
        urgency=_one_of(match, "urgency", (ANY, *URGENCIES), f"{path}.match"),
        clocks={
            kind: _row_clock(kind, clocks[kind], f"{path}.clocks.{kind}")
            for kind in ClockKind
            if kind in clocks
        },
    )


def _row_clock(kind: ClockKind, value: object, path: str) -> RowClock:
    if value is None:
        return None
    entry = _mapping(value, path)
    if entry.get("at_close") is True:
        if kind is not ClockKind.ANSWER:
            raise ValueError(f"{path}.at_close: only an answer is due with the completion")
        return "at_close"
    minutes = _positive(entry.get("minutes"), f"{path}.minutes")
    return ClockLimit(minutes, Basis(_one_of(entry, "calendar", tuple(Basis), path)))


def _mapping(value: object, path: str) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise ValueError(f"{path}: a mapping is required")


def _items(value: object, path: str) -> Iterator[tuple[Mapping[str, object], str]]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{path}: a list with at least one entry is required")
    for index, entry in enumerate(value):
        yield _mapping(entry, f"{path}[{index}]"), f"{path}[{index}]"


def _text(entry: Mapping[str, object], key: str, path: str) -> str:
    value = entry.get(key)
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"{path}.{key}: a text is required")


def _one_of(entry: Mapping[str, object], key: str, allowed: tuple[str, ...], path: str) -> str:
    value = _text(entry, key, path)
    if value not in allowed:
        raise ValueError(f"{path}.{key}: {value!r} is not one of {', '.join(allowed)}")
    return value


def _positive(value: object, path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError(f"{path}: a whole number above 0 is required")


def _moment(value: object, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{path}: an instant like 2011-01-01T00:00:00+08:00 is required") from error
    if moment.utcoffset() is None:
        raise ValueError(f"{path}: the zone is missing, write it like +08:00")
    return moment


def _no_repeats(path: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{path}: {name} occurs twice")
        seen.add(name)
