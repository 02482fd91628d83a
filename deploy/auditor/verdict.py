"""What an audit finds, as values and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Finding", "Report", "Violation"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: a sentence (Chinese) and the ids it is about."""

    problem: str
    ids: tuple[str, ...]


@dataclass(slots=True)
class Finding:
    """What was found of one invariant.

    `checked` counts what was judged, `in_flight` what could not be judged yet because it is under way.
    `apart` lists, by name, what is no violation but should be seen.
    """

    id: str
    title: str
    checked: int = 0
    in_flight: int = 0
    violations: list[Violation] = field(default_factory=list)
    apart: dict[str, list[str]] = field(default_factory=dict)

    def violate(self, problem: str, *ids: str | None) -> None:
        """Note a violation."""
        self.violations.append(Violation(problem, tuple(one for one in ids if one)))

    def set_apart(self, name: str, identity: str) -> None:
        """List something under `name`."""
        self.apart.setdefault(name, []).append(identity)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "id": self.id,
            "title": self.title,
            "checked": self.checked,
            "violations": [{"problem": one.problem, "ids": list(one.ids)} for one in self.violations],
            "in_flight": self.in_flight,
            **({"apart": self.apart} if self.apart else {}),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The whole audit. `in_flight` counts, by name, what is under way in the installation.

    `empty` lists invariants for which nothing was checked although something should have been.
    """

    findings: Sequence[Finding]
    in_flight: dict[str, int]
    empty: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is violated and everything was looked at."""
        return not self.empty and not any(finding.violations for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "ok": self.ok,
            "invariants": [finding.as_json() for finding in self.findings],
            "in_flight": self.in_flight,
            "nothing_checked": list(self.empty),
        }
