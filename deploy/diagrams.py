"""Writes the state diagram of an assignment into the README of dispatch; a test holds the two equal.

python -m deploy.diagrams
"""

from pathlib import Path

from services.dispatch.domain.assignment import ACTION_NAMES, STATE_NAMES, TRANSITIONS, State

__all__ = ["README", "assignment_diagram", "main", "with_diagram"]

README = Path(__file__).resolve().parents[1] / "services/dispatch/README.md"
BEGIN = "<!-- generated from services/dispatch/domain/assignment.py by `make docs` -->"
END = "<!-- end of the generated part -->"


def assignment_diagram() -> str:
    """Return the transition table as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {state}: {state} {name}" for state, name in STATE_NAMES.items()]
    lines.append(f"    [*] --> {State.ASSIGNED}")
    for state, steps in TRANSITIONS.items():
        for action, following in steps.items():
            owed = ", while its clock runs" if following is state else ""
            lines.append(f"    {state} --> {following}: {action} {ACTION_NAMES[action]}{owed}")
    lines += [f"    {State.ANSWERED} --> [*]: nothing is owed", "```"]
    return "\n".join(lines)


def with_diagram(text: str) -> str:
    """Return a README with the diagram of today between the marks. ValueError where a mark is missing."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the marks of the generated part are missing")
    return f"{head}{BEGIN}\n\n{assignment_diagram()}\n\n{END}{tail}"


def main() -> None:
    """Write the README anew."""
    README.write_text(with_diagram(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
