"""Scoring: from missed clocks to the charges they deserve.

How clauses are counted, so that two calculations agree to the fen:

- A missed clock breaks the clause of its kind, in the rule-book version the miss names; a reply late at all
  is "no reply to the reporter". A clock that was not recorded is never reported missed: neither late nor
  charged.
- A case that fell back to 生产管理室 for lack of a rule counts for that unit only once it took the case: it
  accepted it, acted on it, or let its accept clock run out. Then every clock it missed there counts.
- Base line: the clause's base for the case's urgency; the repeat amount where a chargeable miss of the same
  unit and clause occurred at most 30 days (the clause's `days`) before. The order is (occurred_at, case,
  deadline), so of two at the same instant one is the repeat. Only base lines are looked at.
- Linked shares: lines of their own, on top, of the base line as charged, repeat included.
- Further workdays: lines of their own, never doubled. Base line and further days of one deadline together
  stop at the clause's cap, in the order of the days. Days count only beside a chargeable miss.
- Case cap: what the lines of a case, in event order, exceed it by is credited to the same unit and month, as
  a line of its own.
- A line belongs to the Asia/Shanghai month of its event's `occurred_at`; where that month is frozen, see
  `ledger.into_open_months`. What caps a unit's month as a whole: see `pools`.

The charges depend on the set of facts only, never on the order in which they arrived. Whoever stores them
must score the cases of a unit one after another: two at once would not see each other's breach.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.facts import Case, Miss, OverdueWorkday
from services.assessment.domain.repeats import Breach, breaches, chargeable
from services.assessment.domain.rulebook import RuleBook
from services.assessment.domain.wording import (
    explain_base,
    explain_cap,
    explain_further_workday,
    explain_linked,
    month_of,
)

__all__ = ["Charge", "ChargeKey", "desired_charges"]


class ChargeKey(NamedTuple):
    """What a charge is for; there is one charge per key. `case_id` is None for what concerns a whole month.

    `occurrence` is the deadline id for a base line, `<deadline>:w<n>` for its n-th further workday,
    `<deadline>:<post>` for a linked share, `<unit>:<month>` for the credit of the case cap or a month's cap.
    """

    case_id: UUID | None
    clause: str
    occurrence: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What a unit owes for one key. Positive fen are a deduction; only the credit of a cap is negative."""

    unit: str
    amount_fen: int
    occurred_at: datetime
    rule_book_version: int
    evidence: tuple[UUID, ...]
    explanation: str

    @property
    def month(self) -> str:
        """The statement it belongs to."""
        return month_of(self.occurred_at)


def desired_charges(
    cases: Mapping[UUID, Case],
    misses: Iterable[Miss],
    overdue: Iterable[OverdueWorkday],
    books: Mapping[int, RuleBook],
    scope: Collection[UUID],
) -> dict[ChargeKey, Charge]:
    """Return the charges of the cases in `scope`.

    `misses` holds every miss of those cases and, for each, the chargeable one of the same unit and kind of
    clock that stands right before it; `cases` every case named, `overdue` the workdays of the cases in scope.
    More of each does no harm. Raises KeyError where a case or a rule-book version is missing.
    """
    reported = _by_deadline(overdue)
    lines: dict[UUID, dict[ChargeKey, Charge]] = defaultdict(dict)
    for breach in breaches(chargeable(cases, misses), books):
        if breach.miss.case_id in scope:
            lines[breach.miss.case_id] |= _lines(breach, reported.get(breach.miss.deadline_id, ()))
    charges: dict[ChargeKey, Charge] = {}
    for case_id, charged in lines.items():
        charges |= charged | _cap_credits(case_id, charged, books)
    return charges


def _lines(breach: Breach, reported: Iterable[OverdueWorkday]) -> dict[ChargeKey, Charge]:
    """Return all lines of one missed deadline."""
    miss, clause, previous = breach
    base = clause.base(miss.urgency)
    charged = base if previous is None or clause.repeat is None else clause.repeat.amount(base)
    charge = Charge(
        unit=miss.unit,
        amount_fen=charged,
        occurred_at=miss.occurred_at,
        rule_book_version=miss.rule_book_version,
        evidence=(miss.event_id,) if previous is None else (miss.event_id, previous.event_id),
        explanation=explain_base(miss, clause, charged, previous.occurred_at if previous else None),
    )
    lines = {_key(breach): charge}
    for share in clause.linked:
        amount = share.amount(charged)
        text = explain_linked(share, clause, charged, amount)
        lines[_key(breach, share.post)] = replace(charge, amount_fen=amount, explanation=text)
    return lines | _further_lines(breach, charge, reported)


def _further_lines(
    breach: Breach, base: Charge, reported: Iterable[OverdueWorkday]
) -> dict[ChargeKey, Charge]:
    """Return the lines of the further workdays, each charged to the unit that had the case that day."""
    rule, spent = breach.clause.further_workday, base.amount_fen
    if rule is None:
        return {}
    lines: dict[ChargeKey, Charge] = {}
    for day in reported:
        amount = min(rule.fen, rule.cap_fen - spent)
        if amount > 0:
            spent += amount
            lines[_key(breach, f"w{day.workday}")] = Charge(
                unit=day.unit,
                amount_fen=amount,
                occurred_at=day.occurred_at,
                rule_book_version=base.rule_book_version,
                evidence=(day.event_id,),
                explanation=explain_further_workday(day, rule, amount),
            )
    return lines


def _cap_credits(
    case_id: UUID, lines: Mapping[ChargeKey, Charge], books: Mapping[int, RuleBook]
) -> dict[ChargeKey, Charge]:
    """Return what brings a case back to its cap; the cap is that of the book its first line was booked by."""
    ordered = sorted(lines.items(), key=lambda line: (line[1].occurred_at, line[0]))
    cap = books[ordered[0][1].rule_book_version].case_cap
    given: dict[ChargeKey, Charge] = {}
    total = 0
    for _, line in ordered:
        total += line.amount_fen
        excess = min(line.amount_fen, total - cap.fen)
        if excess <= 0:
            continue
        key = ChargeKey(case_id, cap.code, f"{line.unit}:{line.month}")
        before = given.get(key)
        credit = excess - (before.amount_fen if before else 0)
        evidence = (*(before.evidence if before else ()), line.evidence[0])
        given[key] = replace(
            line,
            amount_fen=-credit,
            evidence=tuple(dict.fromkeys(evidence)),
            explanation=explain_cap(cap, total, credit),
        )
    return given


def _by_deadline(overdue: Iterable[OverdueWorkday]) -> dict[UUID, list[OverdueWorkday]]:
    """Return each deadline's workdays once each, in order."""
    once = {(day.deadline_id, day.workday): day for day in sorted(overdue, key=_order, reverse=True)}
    days: dict[UUID, list[OverdueWorkday]] = defaultdict(list)
    for key in sorted(once):
        days[key[0]].append(once[key])
    return days


def _order(day: OverdueWorkday) -> tuple[datetime, UUID]:
    return day.occurred_at, day.event_id


def _key(breach: Breach, line: str = "") -> ChargeKey:
    occurrence = str(breach.miss.deadline_id)
    return ChargeKey(breach.miss.case_id, breach.clause.code, f"{occurrence}:{line}" if line else occurrence)
