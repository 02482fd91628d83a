"""The bench tells the machine's own faltering from ours."""

from tests.bench.figures import spread
from tests.bench.steadiness import Steadiness

EVERY = 0.01  # seconds between two samples


def samples(seconds: float, *, faltering: tuple[float, float] | None = None) -> list[tuple[float, float]]:
    """Work of 0.2 ms, five times as much in the time from `faltering[0]` to before `faltering[1]`."""
    start, end = faltering or (0.0, 0.0)
    instants = [number * EVERY for number in range(round(seconds / EVERY))]
    return [(instant, 0.001 if start <= instant < end else 0.0002) for instant in instants]


def test_a_machine_that_does_not_falter_is_steady_throughout() -> None:
    machine = Steadiness(samples(2.0))

    assert machine.share == 1
    assert all(machine.is_steady(instant) for instant, _ in samples(2.0))


def test_what_is_due_near_a_falter_is_not_counted_as_steady() -> None:
    machine = Steadiness(samples(2.0, faltering=(1.0, 1.1)))

    assert machine.share == 0.95
    found = [machine.is_steady(instant) for instant in (0.75, 0.85, 0.95, 1.05, 1.15, 1.25)]
    assert found == [True, False, False, False, False, True]


def test_a_single_slow_sample_is_no_falter() -> None:
    assert Steadiness(samples(2.0, faltering=(1.0, 1.01))).share == 1


def test_a_spread_is_in_milliseconds() -> None:
    assert spread(number / 1000 for number in range(100)) == {
        "p50": 50.0,
        "p99": 99.0,
        "max": 99.0,
        "count": 100,
    }
