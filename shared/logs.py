"""Structured logs: a fixed event name and keys, one JSON object a line.

Never log a name, a phone number, an address or the text of a complaint: only ids, codes and counts. Of a
database's error the detail is left out of the traceback, for it quotes rows.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar

import msgspec
import structlog

from shared.log_floods import LEFT_OUT, Dam

__all__ = ["REQUEST_ID", "configure", "get_logger"]

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being answered: every line written meanwhile names it."""

_STANDARD_OUTPUT = 1
_ENCODER = msgspec.json.Encoder(enc_hook=repr)


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and standard logging to standard output as JSON lines, each naming `service`."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        _name_request,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_traceback),
    ]

    def render(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
        return _line({"service": service, **event})

    _configure_standard_logging(numeric, [*shared], render)
    structlog.configure(
        processors=[*shared, render],
        logger_factory=lambda *_: _StandardOutput(),
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _name_request(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    return event


class _StandardOutput:
    """Writes whole lines. One that the system does not take is lost, and no failure of whoever logs."""

    def msg(self, line: str) -> None:
        try:  # noqa: SIM105 - suppress() costs as much as the writing
            os.write(_STANDARD_OUTPUT, line.encode(errors="replace") + b"\n")
        except OSError:
            pass

    debug = info = warning = error = critical = msg


def _configure_standard_logging(
    level: int, shared: "list[structlog.typing.Processor]", render: structlog.typing.Processor
) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(Dam("aiokafka"))  # without a broker it says so hundreds of times a second
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder({LEFT_OUT})],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "faststream", "alembic", "uvicorn.access", "httpx"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def _traceback(exc_info: structlog.typing.ExcInfo) -> str:
    text = "".join(traceback.format_exception(exc_info[1]))
    for error in _chain(exc_info[1]):
        detail = getattr(error, "detail", None)
        if isinstance(detail, str) and detail:
            text = text.replace(detail, "…")
    return text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _line(event: structlog.typing.EventDict) -> str:
    try:
        return _ENCODER.encode(event).decode()
    except (TypeError, ValueError):  # a key that is no text, half a character
        return json.dumps(event, default=repr, skipkeys=True)
