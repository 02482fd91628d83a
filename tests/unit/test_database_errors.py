"""Which errors waiting may cure: decides whether a consumer holds or takes its batch apart."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.database import async_url, describe, is_passing_failure, is_unfit_text


class DriverError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("from the database")
        self.sqlstate = sqlstate


def from_database(sqlstate: str | None) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, DriverError(sqlstate))


@pytest.mark.parametrize(
    "error",
    [
        from_database("40P01"),  # deadlock
        from_database("40001"),  # serialization failure
        from_database("25006"),  # read-only
        from_database("53100"),  # disk full
        from_database("55P03"),  # lock not available
        from_database("57014"),  # statement timeout
        from_database("57P01"),  # shut down
        from_database(None),  # connection lost
        PoolTimeoutError(),
        ConnectionRefusedError(),
        asyncpg.InternalClientError(),
        TimeoutError(),
        ExceptionGroup("all of these", [ConnectionRefusedError(), from_database(None)]),
    ],
    ids=lambda error: getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__,
)
def test_these_pass(error: BaseException) -> None:
    assert is_passing_failure(error)


@pytest.mark.parametrize(
    "error",
    [
        from_database("21000"),  # one row twice in a statement
        from_database("22021"),  # not a character
        from_database("23505"),  # unique violation
        from_database("42703"),  # no such column
        from_database("54000"),  # longer than an index holds
        from_database("P0001"),  # refused by a trigger
        ValueError("ours"),
        KeyError("ours"),
        ExceptionGroup("one of these", [ConnectionRefusedError(), ValueError("ours")]),
    ],
    ids=lambda error: getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__,
)
def test_these_do_not(error: BaseException) -> None:
    assert not is_passing_failure(error)


def test_an_error_is_described_without_what_the_row_holds() -> None:
    refused = asyncpg.NotNullViolationError('null value in column "text"')
    refused.detail = "Failing row contains (13912345678)."
    refused.table_name, refused.column_name = "contents", "text"
    wrapped = DriverError("23502")
    wrapped.__cause__ = refused

    for error in (refused, DBAPIError("INSERT", {}, wrapped)):
        assert describe(error) == "NotNullViolationError: 23502 contents text"
    assert describe(KeyError("ours")) == "KeyError: 'ours'"
    both = ExceptionGroup("in two tasks", [refused, KeyError("ours")])
    assert describe(both) == "NotNullViolationError: 23502 contents text; KeyError: 'ours'"


def test_an_address_keeps_its_password() -> None:
    url = async_url("postgresql://role:p%40ss@127.0.0.1:5432/huiying_intake")

    assert url == "postgresql+asyncpg://role:p%40ss@127.0.0.1:5432/huiying_intake"


def caused_by(cause: BaseException) -> Exception:
    error = ValueError("what the driver makes of it")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "unfit"),
    [
        (from_database("22021"), True),
        (from_database("22P05"), True),
        (caused_by(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")), True),
        (UnicodeEncodeError("ascii", "中", 0, 1, "ordinal not in range"), False),
        (from_database("22003"), False),
        (from_database(None), False),
        (ValueError("ours"), False),
    ],
)
def test_text_that_cannot_be_kept_is_told_from_other_errors(error: BaseException, unfit: bool) -> None:
    assert is_unfit_text(error) is unfit
