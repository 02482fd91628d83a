"""Scoring facts as they arrive: any order and any replay ends in what a slow second calculation gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.assessment.domain.facts import Case, ClockKind, Miss, OverdueWorkday
from services.assessment.domain.ledger import (
    Entry,
    Posting,
    active_entries,
    corrections,
)
from services.assessment.domain.repeats import chargeable, place
from services.assessment.domain.rulebook import CaseCap, RuleBook
from services.assessment.domain.scoring import desired_charges
from tests.support.properties import heart
from tests.support.scoring_facts import CLAUSES, SHANGHAI, at, miss, overdue, rule_book, uid

Net = dict[tuple[UUID, str, str], tuple[str, str, int]]
CAP = "C-CASE-CAP"


def posted(postings: Iterable[Posting], start: int = 0) -> list[Entry]:
    return [Entry(UUID(int=start + n + 1), posting) for n, posting in enumerate(postings)]


@dataclass(frozen=True)
class Taken:
    """The office accepted the case that fell back to it."""

    case_id: UUID
    unit: str


Fact = Miss | OverdueWorkday | Taken


@dataclass
class Incremental:
    """Scores facts as they arrive, re-scoring only the cases a fact can touch."""

    book: RuleBook
    cases: dict[UUID, Case]
    misses: list[Miss] = field(default_factory=list)
    days: list[OverdueWorkday] = field(default_factory=list)
    ledger: list[Entry] = field(default_factory=list)

    def arrive(self, fact: Fact) -> None:
        if isinstance(fact, Miss):
            self.misses.append(fact)
            if fact.kind is ClockKind.ACCEPT:
                self.cases[fact.case_id] = self.cases[fact.case_id].taken_by(fact.unit)
        elif isinstance(fact, OverdueWorkday):
            self.days.append(fact)
        else:
            self.cases[fact.case_id] = self.cases[fact.case_id].taken_by(fact.unit)
        self._score([m for m in self.misses if m.case_id == fact.case_id], fact.case_id)

    def _score(self, changed: Sequence[Miss], case_id: UUID) -> None:
        """Score what assessment's store would read: the touched case and its misses' nearest neighbours."""
        scope = {case_id} | {m.case_id for m in self._beside(changed, after=True)}
        own = [m for m in self.misses if m.case_id in scope]
        given = own + self._beside(own, after=False)
        desired = desired_charges(self.cases, given, self.days, {1: self.book}, scope)
        entries = [entry for entry in self.ledger if entry.posting.key.case_id in scope]
        new = posted(corrections(active_entries(entries), desired), start=len(self.ledger))
        self.ledger += new
        assert corrections(active_entries(entries + new), desired) == ()

    def _beside(self, misses: Iterable[Miss], *, after: bool) -> list[Miss]:
        """The chargeable miss of the same unit and clock right after, or right before, each."""
        found = []
        counting = sorted(chargeable(self.cases, self.misses), key=place)
        for one in misses:
            line = [m for m in counting if (m.unit, m.kind) == (one.unit, one.kind)]
            near = [m for m in line if (place(m) > place(one) if after else place(m) < place(one))]
            found += near[:1] if after else near[-1:]
        return found

    def net(self) -> Net:
        return {
            (key.case_id, key.clause, key.occurrence): (e.posting.unit, e.posting.month, e.posting.amount_fen)
            for key, e in active_entries(self.ledger).items()
        }


def oracle(book: RuleBook, facts: Sequence[Fact]) -> Net:
    """The same rules written a second time, the slow way, from yuan figures instead of the book."""
    facts = list(dict.fromkeys(facts))
    misses = [f for f in facts if isinstance(f, Miss)]
    took = {f.case_id for f in facts if isinstance(f, Taken) and f.unit == "office"}
    took |= {m.case_id for m in misses if m.kind == "accept" and m.unit == "office"}
    misses = [m for m in misses if m.unit != "office" or m.case_id in took]
    lines: list[tuple[UUID, str, str, str, datetime, int]] = []
    for m in misses:
        place = (m.occurred_at, m.case_id, m.deadline_id)
        repeat = any(
            (o.unit, o.kind) == (m.unit, m.kind)
            and (o.occurred_at, o.case_id, o.deadline_id) < place
            and m.occurred_at - timedelta(days=30) <= o.occurred_at
            for o in misses
        )
        yuan = {
            "accept": 50,
            "arrive": 300 if m.urgency in {"P1", "P2"} else 100,
            "complete": 100,
            "answer": 100,
        }
        base = yuan[m.kind] * 100 * (2 if repeat else 1)
        lines.append((m.case_id, CLAUSES[m.kind], str(m.deadline_id), m.unit, m.occurred_at, base))
        if m.kind != "accept":
            share = f"{m.deadline_id}:unit_leaders"
            lines.append((m.case_id, CLAUSES[m.kind], share, m.unit, m.occurred_at, base // 5))
        if m.kind == "complete":
            room = 50_000 - base
            for day in sorted(
                (f for f in facts if isinstance(f, OverdueWorkday) and f.deadline_id == m.deadline_id),
                key=lambda d: d.workday,
            ):
                cost = min(5_000, max(room, 0))
                room -= cost
                if cost:
                    name = f"{m.deadline_id}:w{day.workday}"
                    lines.append((m.case_id, CLAUSES[m.kind], name, day.unit, day.occurred_at, cost))
    net: Net = {}
    spent: dict[UUID, int] = {}
    for case_id, clause, name, unit, when, fen in sorted(lines, key=lambda line: (line[4], *line[:3])):
        month = when.astimezone(SHANGHAI).strftime("%Y-%m")
        net[case_id, clause, name] = (unit, month, -fen)
        left = max(0, book.case_cap.fen - spent.get(case_id, 0))
        spent[case_id] = spent.get(case_id, 0) + fen
        if fen > left:
            key = (case_id, CAP, f"{unit}:{month}")
            net[key] = (unit, month, fen - left + net.get(key, ("", "", 0))[2])
    return net


START = at("2019-03-20 12:00")
CASES = "abcde"


late_clocks = st.integers(0, 9)
case_names = st.sampled_from(CASES)
units = st.sampled_from(["repair", "office"])
days_later = st.sampled_from([0, 1, 11, 12, 29, 30, 31, 41, 42, 60])
minutes_later = st.sampled_from([0, 0, 1])
kinds = st.sampled_from(ClockKind)
urgencies = st.sampled_from(["P1", "P2", "P3"])
further_workdays = st.integers(0, 10)


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    facts: list[Fact] = []
    for n in range(draw(late_clocks)):
        case, unit = draw(case_names), draw(units)
        when = START + timedelta(days=draw(days_later), minutes=draw(minutes_later))
        kind, urgency = draw(kinds), draw(urgencies)
        late = miss(case, kind, when, unit=unit, urgency=urgency, deadline=f"deadline {n}")
        facts.append(late)
        if kind is ClockKind.COMPLETE:
            facts.extend(overdue(late, day) for day in range(1, draw(further_workdays) + 1))
        if draw(st.booleans()):
            facts.append(Taken(late.case_id, unit))
    return facts


books = st.sampled_from([200_000, 30_000, 100]).map(
    lambda fen: replace(rule_book(), case_cap=CaseCap(CAP, "单件封顶", fen))
)


def arrived(book: RuleBook, facts: Iterable[Fact]) -> Incremental:
    scorer = Incremental(book, {uid(name): Case(uid(name), "office") for name in CASES})
    for fact in facts:
        scorer.arrive(fact)
    return scorer


@heart()
@given(books, histories(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_what_the_oracle_gives(
    book: RuleBook, facts: list[Fact], random: Random
) -> None:
    expected = oracle(book, facts)
    shuffled = list(facts)
    random.shuffle(shuffled)

    one, other = arrived(book, facts), arrived(book, shuffled)
    assert one.net() == expected
    assert other.net() == expected


@given(books, histories())
def test_replay_posts_nothing(book: RuleBook, facts: list[Fact]) -> None:
    scorer = arrived(book, facts)
    before = list(scorer.ledger)
    for fact in facts:
        scorer.arrive(fact)

    assert scorer.ledger == before


@given(books, histories())
def test_case_owes_at_most_its_cap_and_no_line_is_a_gift(book: RuleBook, facts: list[Fact]) -> None:
    owed: dict[UUID, int] = {}
    for (case_id, clause, _), (_, _, fen) in arrived(book, facts).net().items():
        owed[case_id] = owed.get(case_id, 0) - fen
        assert (fen > 0) == (clause == CAP)
    assert all(0 < fen <= book.case_cap.fen for fen in owed.values())


@given(books, histories())
def test_further_fact_never_lowers_what_is_owed_in_all(book: RuleBook, facts: list[Fact]) -> None:
    """So completing or answering later never scores better."""
    owed = [-sum(fen for _, _, fen in oracle(book, facts[:n]).values()) for n in range(len(facts) + 1)]

    assert owed == sorted(owed)
    scorer = arrived(book, facts)
    assert -sum(entry.posting.amount_fen for entry in scorer.ledger) == owed[-1]


def test_breach_reported_late_doubles_the_one_already_booked() -> None:
    later, earlier = miss("a", "accept", "2019-04-09 09:00"), miss("b", "accept", "2019-04-01 09:00")
    scorer = arrived(rule_book(), [later, earlier])

    assert [entry.posting.amount_fen for entry in scorer.ledger] == [-5_000, 5_000, -10_000, -5_000]
    assert scorer.ledger[1].posting.reverses == scorer.ledger[0].entry_id
