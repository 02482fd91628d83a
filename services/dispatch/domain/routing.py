"""Routing (派单): which unit a complaint goes to, as what, how urgent, and why.

The category comes first: one that belongs to a unit decides. Otherwise the keyword rules vote: each keyword
found counts its weight, three times in the subject, twice in the opening of the text (which says what the
matter is), once in the rest and in the location. The unit with the most votes takes the case, under the
category of its strongest rule. No vote or a tie goes to 生产管理室: a complaint is never unassigned, and the
reason says why.

A keyword is a word, several joined by `+` that must all occur, or with `-` before those that must not.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.dispatch.domain.standards import Category

__all__ = ["Route", "RoutingRule", "RoutingTable", "Words", "read_routing", "route"]

LEAST_URGENT: Final = "P3"
OPENING: Final = 120
"""Characters of a text that count as its opening."""
_SUBJECT, _OPENING, _REST = 3, 2, 1
_SHOWN: Final = 3
_UTF16: Final = f"utf-16-{sys.byteorder[0]}e"


@dataclass(frozen=True, slots=True)
class Words:
    """What a complaint says, as far as routing reads it."""

    subject: str
    text: str
    location: str


@dataclass(frozen=True, slots=True)
class Keyword:
    """Words that must all occur, words that must not, and how much finding them counts."""

    name: str
    present: tuple[str, ...]
    absent: tuple[str, ...]
    weight: int

    def occurs(self, whole: str) -> bool:
        """Say whether a text that holds the first word holds the rest, and none of the unwanted."""
        for word in self.present[1:]:
            if word not in whole:
                return False
        return not any(word in whole for word in self.absent)


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Keywords that speak for a unit (under a category of the rule book), or for an urgency.

    A unit without a category takes what its keywords say, as nothing the rule book lists.
    """

    code: str
    unit: str | None
    category: str | None
    urgency: str | None
    keywords: tuple[Keyword, ...]

    def speaks_in(self, whole: str) -> bool:
        """Say whether a text holds one of the keywords."""
        for keyword in self.keywords:  # noqa: SIM110 - a third of the time of any(), for every complaint
            if keyword.present[0] in whole and keyword.occurs(whole):
                return True
        return False


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """One version of the routing rules: those that speak for a unit, and those that speak for an urgency.

    Of the first, which are many, the keywords are kept by how their first word begins (`_opening`).
    """

    version: int
    rules: tuple[RoutingRule, ...]
    alarms: tuple[RoutingRule, ...]
    by_opening: Mapping[int, tuple[tuple[str, RoutingRule, Keyword], ...]]

    def votes(self, words: Words) -> dict[str, dict[str, int]]:
        """Return, by code of a rule for a unit, the keywords that `words` holds and how much each counts."""
        fields = _fields(words)
        whole = _whole(words)
        found: dict[str, dict[str, int]] = {}
        for opening in self.by_opening.keys() & _openings(whole):
            for word, rule, keyword in self.by_opening[opening]:
                if word in whole and keyword.occurs(whole):
                    times = next(times for text, times in fields if word in text)
                    found.setdefault(rule.code, {})[keyword.name] = keyword.weight * times
        return found

    def urgencies(self, words: Words) -> list[str]:
        """Return the urgencies that `words` speak for."""
        whole = _whole(words)
        return [rule.urgency for rule in self.alarms if rule.urgency and rule.speaks_in(whole)]


class Route(NamedTuple):
    """Where a complaint goes; `reason` is Chinese and names rules and keywords, never what was said.

    `fallback` marks a case that came to 生产管理室 for lack of a rule.
    """

    unit: str
    category: str | None
    urgency: str
    reason: str
    matched: tuple[str, ...]
    fallback: bool


class _Settled(NamedTuple):
    """A route but for its urgency."""

    unit: str
    category: str | None
    reason: str
    matched: tuple[str, ...] = ()
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class _Vote:
    unit: str
    category: str | None
    votes: int
    matched: tuple[str, ...]


def route(
    words: Words,
    category: str | None,
    urgency: str | None,
    table: RoutingTable,
    categories: Mapping[str, Category],
    units: Mapping[str, str],
    office: str,
) -> Route:
    """Return where a complaint goes. `units` are names by code; `office` is the code of 生产管理室.

    A category the rule book does not list counts as none. Urgency: the one given, else the category's own,
    raised by danger words.
    """
    listed = categories.get(category or "")
    if listed is not None and listed.unit is not None and listed.unit in units:
        reason = f"类别“{listed.name}”归{units[listed.unit]}"
        settled = _Settled(listed.unit, listed.code, reason)
    else:
        settled = _by_keywords(_ranked(table, table.votes(words), units), listed, units, office)
    unit, its_category, reason, matched, fallback = settled
    level = urgency or _urgency(table, words, categories.get(its_category or ""))
    return Route(unit, its_category, level, reason, matched, fallback)


def _by_keywords(
    ranked: Sequence[_Vote], listed: Category | None, units: Mapping[str, str], office: str
) -> _Settled:
    about = f"类别“{listed.name}”不限单位，且" if listed else ""
    own = listed.code if listed else None
    if not ranked:
        reason = f"{about}没有派单规则对得上，由{units[office]}研判"
        return _Settled(office, own, reason, fallback=True)
    best = ranked[0]
    if len(ranked) > 1 and ranked[1].votes == best.votes:
        names = "、".join(units[vote.unit] for vote in ranked if vote.votes == best.votes)
        reason = f"{about}{names}同样对得上，由{units[office]}研判"
        return _Settled(office, own, reason, best.matched, fallback=True)
    shown = "".join(f"“{_plain(name)}”" for name in best.matched[:_SHOWN])
    reason = f"{about}反映内容里有{shown}，归{units[best.unit]}"
    return _Settled(best.unit, own or best.category, reason, best.matched)


def _ranked(
    table: RoutingTable, found: Mapping[str, Mapping[str, int]], units: Mapping[str, str]
) -> list[_Vote]:
    """Return the votes per unit, most first."""
    by_unit: dict[str, dict[str, int]] = {}
    strongest: dict[str, tuple[int, str | None]] = {}
    for rule in table.rules:
        if rule.unit is None or rule.unit not in units or rule.code not in found:
            continue
        total = sum(found[rule.code].values())
        by_unit.setdefault(rule.unit, {}).update(found[rule.code])
        if total > strongest.get(rule.unit, (0, None))[0]:
            strongest[rule.unit] = (total, rule.category)
    votes = [
        _Vote(unit, strongest[unit][1], sum(own.values()), _strongest_first(own))
        for unit, own in by_unit.items()
    ]
    return sorted(votes, key=lambda vote: (-vote.votes, vote.unit))


def _urgency(table: RoutingTable, words: Words, category: Category | None) -> str:
    return min([category.urgency if category else LEAST_URGENT, *table.urgencies(words)])


def _opening(word: str) -> int:
    """The first two characters of a word as one number; the only one where there is one."""
    return int.from_bytes(word.encode(_UTF16, "surrogatepass")[:4], sys.byteorder)


def _openings(text: str) -> set[int]:
    """What `_opening` may be of any word within `text`: a few more numbers do no harm.

    All characters of a text are looked at as numbers of two bytes, then of four, from even and odd places.
    """
    raw = text.encode(_UTF16, "surrogatepass")
    even, odd = raw[: len(raw) // 4 * 4], raw[2 : 2 + (len(raw) - 2) // 4 * 4]
    return {*memoryview(raw).cast("H"), *memoryview(even).cast("I"), *memoryview(odd).cast("I")}


def _whole(words: Words) -> str:
    """All that is searched."""
    return f"{words.subject}\n{words.text.strip()}\n{words.location}"


def _fields(words: Words) -> tuple[tuple[str, int], ...]:
    """What is searched, with how often a word in it counts, most first."""
    text = words.text.strip()
    return (
        (words.subject, _SUBJECT),
        (text[:OPENING], _OPENING),
        (text, _REST),
        (words.location, _REST),
    )


def _strongest_first(found: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(found, key=lambda name: (-found[name], name)))


def _plain(name: str) -> str:
    """A keyword as a person reads it."""
    return re.split("-", name)[0].replace("+", "”和“")


def read_routing(raw: Mapping[str, object]) -> RoutingTable:
    """Read routing rules from plain values (see `services/dispatch/data/routing.yaml`).

    Raises ValueError naming the path of what is wrong.
    """
    version, rules = raw.get("version"), raw.get("rules")
    if not isinstance(version, int) or version < 1:
        raise ValueError("routing.version: a number from 1 is required")
    if not isinstance(rules, list) or not rules:
        raise ValueError("routing.rules: a list with at least one rule is required")
    read = tuple(_rule(entry, f"routing.rules[{index}]") for index, entry in enumerate(rules))
    if len({rule.code for rule in read}) < len(read):
        raise ValueError("routing.rules: a code occurs twice")
    by_opening: dict[int, tuple[tuple[str, RoutingRule, Keyword], ...]] = {}
    for rule in (rule for rule in read if rule.unit):
        for keyword in rule.keywords:
            word = keyword.present[0]
            opening = _opening(word)
            by_opening[opening] = (*by_opening.get(opening, ()), (word, rule, keyword))
    return RoutingTable(version, read, tuple(rule for rule in read if rule.urgency), by_opening)


def _rule(entry: object, path: str) -> RoutingRule:
    if not isinstance(entry, Mapping) or not entry:
        raise ValueError(f"{path}: a mapping is required")
    code, unit, category, urgency = (
        _text_or_none(entry.get(name), f"{path}.{name}") for name in ("code", "unit", "category", "urgency")
    )
    if code is None:
        raise ValueError(f"{path}.code: a text is required")
    if (unit is None) == (urgency is None):
        raise ValueError(f"{path}: either a unit or an urgency is required")
    keywords = entry.get("keywords")
    if not isinstance(keywords, Mapping) or not keywords:
        raise ValueError(f"{path}.keywords: words with weights are required")
    return RoutingRule(code, unit, category, urgency, tuple(_keywords(keywords.items(), path)))


def _keywords(items: Iterable[tuple[object, object]], path: str) -> Iterable[Keyword]:
    for name, weight in items:
        if not isinstance(name, str) or not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
            raise ValueError(f"{path}.keywords.{name}: a weight from 1 is required")
        present, *absent = name.split("-")
        words = tuple(word for word in present.split("+") if word)
        if not words or not all(absent):
            raise ValueError(f"{path}.keywords.{name}: a word is missing")
        yield Keyword(name, words, tuple(absent), weight)


def _text_or_none(value: object, path: str) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError(f"{path}: a text is required")
