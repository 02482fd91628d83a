"""The README shows the transition table as it is."""

import pytest

from deploy.diagrams import README, assignment_diagram, with_diagram
from services.dispatch.domain.assignment import TRANSITIONS


def test_the_diagram_in_the_readme_is_the_table_of_today() -> None:
    text = README.read_text(encoding="utf-8")

    assert with_diagram(text) == text, "run `make docs`"


def test_the_diagram_has_every_step_of_the_table() -> None:
    steps = sum(len(steps) for steps in TRANSITIONS.values())

    assert assignment_diagram().count("-->") == steps + 2


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_diagram("# Dispatch")
