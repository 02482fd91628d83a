"""A library that repeats itself is written down once in a while, with how often."""

import logging

import pytest

from shared.log_floods import LEFT_OUT, Dam


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dam(clock: Clock) -> Dam:
    return Dam("aiokafka", period=30, clock=clock)


def line(
    template: str, *values: object, logger: str = "aiokafka.conn", level: int = logging.ERROR
) -> logging.LogRecord:
    return logging.LogRecord(logger, level, __file__, 1, template, values, None)


def written(dam: Dam, *lines: logging.LogRecord) -> list[int | None]:
    """Of the lines that pass, how many each says were left out."""
    return [getattr(one, LEFT_OUT, None) for one in lines if dam.filter(one)]


def test_of_many_lines_of_a_kind_one_a_period_is_written_and_counts_the_others(
    dam: Dam, clock: Clock
) -> None:
    assert written(dam, *(line("no broker at %s", number) for number in range(560))) == [None]
    clock.now += 29.9
    assert written(dam, line("no broker at %s", 1)) == []
    clock.now += 0.1
    assert written(dam, line("no broker at %s", 1), line("no broker at %s", 1)) == [560]
    clock.now += 30
    assert written(dam, line("no broker at %s", 1)) == [1]
    clock.now += 30
    assert written(dam, line("no broker at %s", 1)) == [None]


def test_every_kind_counts_for_itself(dam: Dam) -> None:
    kinds = (
        line("no broker"),
        line("no leader"),
        line("no broker", logger="aiokafka.client"),
        line("no broker", level=logging.WARNING),
    )

    assert written(dam, *kinds, *kinds) == [None] * 4


@pytest.mark.parametrize("logger", ["shared.relay", "uvicorn.error", "aiokafkaesque", "root"])
def test_other_loggers_are_not_held_back(dam: Dam, logger: str) -> None:
    assert written(dam, *(line("the same", logger=logger) for _ in range(5))) == [None] * 5


def test_templates_without_end_are_not_remembered_without_end(dam: Dam) -> None:
    assert len(written(dam, *(line(f"value {number}") for number in range(5_000)))) == 5_000
    assert len(dam._kinds) <= 1_000
