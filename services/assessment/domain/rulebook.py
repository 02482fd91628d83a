"""The clauses of a rule-book version (考核细则): what each breach costs.

Amounts are whole fen. A percentage of an amount is rounded half up to the fen; amounts in the book are whole
yuan, so the shares of today are exact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from services.assessment.domain.facts import ClockKind

__all__ = [
    "CaseCap",
    "Clause",
    "FurtherWorkday",
    "LinkedShare",
    "Repeat",
    "RuleBook",
    "UnitMonthCap",
    "read_rule_book",
]


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a breach costs when the same unit broke the same clause within `within` before."""

    within: timedelta
    multiplier: int = 1
    fen: int | None = None

    def amount(self, base_fen: int) -> int:
        """Return the repeated breach's amount: a fixed one, else the base times the multiplier."""
        return base_fen * self.multiplier if self.fen is None else self.fen


@dataclass(frozen=True, slots=True)
class FurtherWorkday:
    """`fen` for each further workday overdue, until base and further days together reach `cap_fen`."""

    fen: int
    cap_fen: int


@dataclass(frozen=True, slots=True)
class LinkedShare:
    """A linked share (连挂) of a post, on top of the base line: a percentage of it, or a fixed amount."""

    post: str
    title: str
    percent: int | None = None
    fen: int | None = None

    def amount(self, charged_fen: int) -> int:
        """Return the share of a base line as charged."""
        if self.fen is not None:
            return self.fen
        return _percentage(charged_fen, self.percent or 0)


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause. `trigger` is the pair of what is scored and its value, such as (deadline, accept)."""

    code: str
    title: str
    trigger: tuple[str, str]
    base_fen: int
    base_fen_by_urgency: Mapping[str, int]
    repeat: Repeat | None
    further_workday: FurtherWorkday | None
    linked: tuple[LinkedShare, ...]

    def base(self, urgency: str) -> int:
        """Return the base amount for a case of that urgency."""
        return self.base_fen_by_urgency.get(urgency, self.base_fen)


@dataclass(frozen=True, slots=True)
class CaseCap:
    """The most one case can cost."""

    code: str
    title: str
    fen: int


@dataclass(frozen=True, slots=True)
class UnitMonthCap:
    """The most a month can cost a unit, as a percentage of the unit's performance pool of that month."""

    code: ClassVar[str] = "C-MONTH-CAP"
    title: ClassVar[str] = "单月封顶"

    percent: int

    def amount(self, pool_fen: int) -> int:
        """Return the cap of a month with that pool, in fen."""
        return _percentage(pool_fen, self.percent)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The part of one rule-book version that assessment works by. Not every book caps a unit's month."""

    version: int
    in_force_from: datetime
    clauses: Mapping[str, Clause]
    case_cap: CaseCap
    unit_month_cap: UnitMonthCap | None

    def clause_for(self, kind: ClockKind) -> Clause | None:
        """Return the clause that a missed clock of that kind breaks, if any."""
        return next((c for c in self.clauses.values() if c.trigger == ("deadline", kind)), None)


def read_rule_book(body: Mapping[str, object]) -> RuleBook:
    """Return what assessment needs of a rule book's plain values (the data file, or `rulebook.state`).

    Raises ValueError naming the path of what is wrong.
    """
    clauses: dict[str, Clause] = {}
    triggers: set[tuple[str, str]] = set()
    for entry, path in _items(body.get("clauses"), "clauses"):
        clause = _clause(entry, path)
        if clause.code in clauses:
            raise ValueError(f"{path}.code: {clause.code} occurs twice")
        if clause.trigger in triggers:
            raise ValueError(f"{path}.trigger: another clause has the same trigger")
        clauses[clause.code] = clause
        triggers.add(clause.trigger)
    caps = _mapping(body.get("caps"), "caps")
    cap = _mapping(caps.get("case"), "caps.case")
    return RuleBook(
        version=_whole(body.get("version"), "version"),
        in_force_from=_moment(body.get("in_force_from"), "in_force_from"),
        clauses=clauses,
        case_cap=CaseCap(
            _text(cap, "code", "caps.case"),
            _text(cap, "title", "caps.case"),
            _whole(cap.get("fen"), "caps.case.fen"),
        ),
        unit_month_cap=_unit_month_cap(caps),
    )


def _unit_month_cap(caps: Mapping[str, object]) -> UnitMonthCap | None:
    if "unit_month_percent_of_pool" not in caps:
        return None
    path = "caps.unit_month_percent_of_pool"
    cap = _mapping(caps["unit_month_percent_of_pool"], path)
    return UnitMonthCap(_whole(cap.get("percent"), f"{path}.percent"))


def _clause(entry: Mapping[str, object], path: str) -> Clause:
    by_urgency = _mapping(entry.get("base_fen_by_urgency", {}), f"{path}.base_fen_by_urgency")
    shares = _items(entry["linked"], f"{path}.linked") if "linked" in entry else ()
    return Clause(
        code=_text(entry, "code", path),
        title=_text(entry, "title", path),
        trigger=_trigger(entry.get("trigger"), f"{path}.trigger"),
        base_fen=_whole(entry.get("base_fen"), f"{path}.base_fen"),
        base_fen_by_urgency={
            str(urgency): _whole(fen, f"{path}.base_fen_by_urgency.{urgency}")
            for urgency, fen in by_urgency.items()
        },
        repeat=_repeat(entry["repeat"], f"{path}.repeat") if "repeat" in entry else None,
        further_workday=(
            _further(entry["further_workday"], f"{path}.further_workday")
            if "further_workday" in entry
            else None
        ),
        linked=tuple(_linked(share, where) for share, where in shares),
    )


def _trigger(value: object, path: str) -> tuple[str, str]:
    pairs = list(_mapping(value, path).items())
    if len(pairs) != 1:
        raise ValueError(f"{path}: exactly one trigger is required")
    ((what, which),) = pairs
    if what == "deadline" and which not in set(ClockKind):
        raise ValueError(f"{path}.deadline: {which!r} is not one of {', '.join(ClockKind)}")
    return str(what), str(which)


def _repeat(value: object, path: str) -> Repeat:
    entry = _mapping(value, path)
    within = timedelta(days=_whole(entry.get("days"), f"{path}.days"))
    if ("multiplier" in entry) == ("fen" in entry):
        raise ValueError(f"{path}: either a multiplier or an amount in fen is required")
    if "fen" in entry:
        return Repeat(within, fen=_whole(entry["fen"], f"{path}.fen"))
    return Repeat(within, multiplier=_whole(entry["multiplier"], f"{path}.multiplier"))


def _further(value: object, path: str) -> FurtherWorkday:
    entry = _mapping(value, path)
    return FurtherWorkday(
        _whole(entry.get("fen"), f"{path}.fen"), _whole(entry.get("cap_fen"), f"{path}.cap_fen")
    )


def _linked(entry: Mapping[str, object], path: str) -> LinkedShare:
    post, title = _text(entry, "post", path), _text(entry, "title", path)
    if ("percent" in entry) == ("fen" in entry):
        raise ValueError(f"{path}: either a percentage or an amount in fen is required")
    if "fen" in entry:
        return LinkedShare(post, title, fen=_whole(entry["fen"], f"{path}.fen"))
    return LinkedShare(post, title, percent=_whole(entry["percent"], f"{path}.percent"))


def _percentage(fen: int, percent: int) -> int:
    return (fen * percent + 50) // 100


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


def _whole(value: object, path: str) -> int:
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
