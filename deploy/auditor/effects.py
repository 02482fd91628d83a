"""I5: every service took every event it must take, and each had its effect exactly once."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

from deploy.auditor.consumption import check_consumption
from deploy.auditor.facts import Record, Snapshot
from deploy.auditor.registration import REGISTERED
from deploy.auditor.verdict import Finding

__all__ = ["check_effects"]

_ANSWERED = "assignment.answered.v1"
_MISSED = "assignment.deadline_missed.v1"
_OVERDUE = "assignment.overdue_workday.v1"
_ASSIGNED = "assignment.assigned.v1"
_ACTIONS = tuple(f"assignment.{what}.v1" for what in ("accepted", "arrived", "completed", "answered"))
_POSTED = "assessment.entry_posted.v1"
_MONTH_POSTED = "assessment.month_entry_posted.v1"


def check_effects(snapshot: Snapshot) -> Finding:
    """Compare inboxes with the log, then effects with the events that must have had them."""
    finding = Finding("I5", "各服务都收到且只作用一次：收件箱与日志一致，事件与结果一一对应")
    check_consumption(snapshot, finding)
    effects = _Effects(snapshot, finding)
    effects.cases()
    effects.answers()
    effects.missed_deadlines()
    effects.misses()
    effects.fallbacks()
    effects.entries()
    return finding


class _Effects:
    def __init__(self, snapshot: Snapshot, finding: Finding) -> None:
        self._snapshot = snapshot
        self._finding = finding
        self._moving = {(row.topic, row.key) for row in snapshot.outbox.values() if not row.settled}

    def cases(self) -> None:
        """Each registered complaint is one case in dispatch and in assessment, and known to notify."""
        registered = self._events(REGISTERED, lambda one: one.key)
        announced = {row.key for row in self._snapshot.outbox.values() if row.type == REGISTERED}
        for service, held in (
            ("dispatch", {case.complaint_id for case in self._snapshot.dispatch.cases}),
            ("assessment", {case.complaint_id for case in self._snapshot.assessment.cases}),
            ("notify", self._snapshot.notified),
        ):
            self._taken(service, registered, held, "登记事件已处理，却没有建立这件反映")
            for complaint in held - registered.keys() - announced:
                self._finding.violate(f"{service} 有一件从未登记的反映", str(complaint))

    def answers(self) -> None:
        """Each answer is told once, and intake shows the newest."""
        told = self._events(_ANSWERED, lambda one: _field(one, "answer_id"))
        answers = {one.answer_id: one.complaint_id for one in self._snapshot.dispatch.answers}
        self._told("答复", told, answers)
        newest: dict[str, Any] = {}
        for one in self._snapshot.dispatch.answers:
            if one.complaint_id not in newest or newest[one.complaint_id].version < one.version:
                newest[one.complaint_id] = one
        shown = {one.complaint_id: one.answer_id for one in self._snapshot.intake.answers}
        inbox = self._snapshot.deliveries["intake"].inbox
        for complaint, answer in newest.items():
            self._finding.checked += 1
            reached = inbox.get(("answer.content", complaint), 0) >= answer.version
            if reached and shown.get(complaint) != answer.answer_id:
                self._finding.violate("投诉人看到的不是最新的答复", complaint, answer.answer_id)

    def missed_deadlines(self) -> None:
        """Each deadline that ran out is told once, and nothing else is."""
        told = self._events(_MISSED, lambda one: (one.key, _field(one, "kind"), 0))
        told |= self._events(_OVERDUE, lambda one: (one.key, "complete", _field(one, "workday")))
        fired = {
            (one.complaint_id, one.kind, one.level): one.complaint_id
            for one in self._snapshot.dispatch.deadlines
            if one.fired
        }
        self._told("逾期", told, fired)
        for one in self._snapshot.dispatch.deadlines:
            if one.late and not one.fired:
                self._finding.violate("动作晚于时限，却没有报逾期", one.complaint_id, one.deadline_id)

    def misses(self) -> None:
        """Assessment holds each missed clock and each further workday it was told of, and no other."""
        facts = self._snapshot.assessment
        missed = self._events(_MISSED, lambda one: _field(one, "deadline_id"))
        held: set[Hashable] = {miss.deadline_id for miss in facts.misses}
        self._taken("assessment", missed, held, "逾期事件已处理，考核却没有记下")
        for miss in facts.misses:
            self._reported(miss.case_id, miss.event_id, missed.get(miss.deadline_id))
        overdue = self._events(_OVERDUE, lambda one: (_field(one, "deadline_id"), _field(one, "workday")))
        days: set[Hashable] = {(day.deadline_id, day.workday) for day in facts.overdue}
        self._taken("assessment", overdue, days, "逾期工作日事件已处理，考核却没有记下")
        for day in facts.overdue:
            self._reported(day.case_id, day.event_id, overdue.get((day.deadline_id, day.workday)))

    def fallbacks(self) -> None:
        """Assessment knows which unit a case fell back to, and whether that unit took it."""
        derived = self._fallbacks()
        for case in self._snapshot.assessment.cases:
            self._finding.checked += 1
            said = (case.fallback_unit, case.taken) if case.fallback_unit else None
            if said != derived.get(case.complaint_id) and not self._is_moving(case.complaint_id):
                self._finding.violate("考核记的兜底派单与日志不同", case.complaint_id)

    def _fallbacks(self) -> Mapping[str, tuple[str, bool]]:
        """What the log says of cases that fell back to a unit, as far as assessment has come.

        The unit took a case once it acted on it or let its accept clock run out.
        """
        found: dict[str, tuple[str, bool]] = {}
        for record in self._applied(_ASSIGNED):
            if _field(record, "fallback"):
                found[record.key or ""] = (str(_field(record, "unit")), False)
        for kind in (*_ACTIONS, _MISSED):
            for record in self._applied(kind):
                unit, _ = found.get(record.key or "", (None, False))
                acted = kind in _ACTIONS or _field(record, "kind") == "accept"
                if unit is not None and acted and unit == _field(record, "unit"):
                    found[record.key or ""] = (unit, True)
        return found

    def entries(self) -> None:
        """Each ledger entry is told once, that of a whole month under its unit and month."""
        of_cases: dict[Hashable, str] = {}
        of_months: dict[Hashable, str] = {}
        for one in self._snapshot.assessment.entries:
            if one.case_id is not None:
                of_cases[one.entry_id] = one.case_id
            else:
                place = f"{one.unit}:{one.month}"
                of_months[place, one.entry_id] = place
        self._told("台账分录", self._events(_POSTED, lambda one: _field(one, "entry_id")), of_cases)
        told = self._events(_MONTH_POSTED, lambda one: (one.key, _field(one, "entry_id")))
        self._told("整月分录", told, of_months)

    def _events(self, kind: str, identity: Callable[[Record], Hashable]) -> dict[Hashable, Record]:
        """Events of one type by what they are about; two events about one thing are a violation."""
        found: dict[Hashable, Record] = {}
        for record in self._snapshot.own_records.get(kind, ()):
            self._finding.checked += 1
            first = found.setdefault(identity(record), record)
            if first.event_id != record.event_id:
                self._finding.violate(
                    f"{kind} 对同一件事发布了两次", record.key, first.event_id, record.event_id
                )
        return found

    def _taken(
        self, service: str, events: Mapping[Hashable, Record], held: Collection[Hashable], problem: str
    ) -> None:
        """Whatever the service's inbox has passed had its effect, unless it was put aside by a person."""
        dead = self._snapshot.deliveries[service].dead
        for identity, record in events.items():
            self._finding.checked += 1
            applied = self._snapshot.is_applied(service, record)
            if applied and identity not in held and record.place not in dead:
                self._finding.violate(f"{service}：{problem}", record.key, record.event_id)

    def _applied(self, kind: str) -> Iterable[Record]:
        records = self._snapshot.own_records.get(kind, ())
        return (one for one in records if self._snapshot.is_applied("assessment", one))

    def _reported(self, complaint: str, event_id: str, record: Record | None) -> None:
        """What assessment was told is in the log, or was published after the log was read."""
        row = self._snapshot.outbox.get(event_id)
        if record is not None and record.event_id == event_id:
            return
        if record is None and row is not None and not row.settled:
            self._finding.in_flight += 1
        else:
            self._finding.violate("考核记下的逾期不是日志里的事件", complaint, event_id)

    def _told(self, what: str, told: Mapping[Hashable, Record], facts: Mapping[Any, str]) -> None:
        """What a service holds is in the log or on its way there; what is in the log, the service holds."""
        for identity, complaint in facts.items():
            self._finding.checked += 1
            if identity in told:
                continue
            if self._is_moving(complaint):
                self._finding.in_flight += 1
            else:
                self._finding.violate(f"{what}没有对应的事件", complaint, *_texts(identity))
        for identity, record in told.items():
            if identity not in facts:
                self._finding.violate(f"{what}事件没有对应的记录", record.key, record.event_id)

    def _is_moving(self, complaint: str) -> bool:
        return any((topic, complaint) in self._moving for topic in ("assignment.events", "assessment.events"))


def _field(record: Record, name: str) -> Any:
    return (record.fields or {}).get(name)


def _texts(identity: Hashable) -> Iterable[str]:
    return (str(part) for part in identity) if isinstance(identity, tuple) else (str(identity),)
