"""Structured logs on stderr, without patient names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from traceback import TracebackException
from typing import Any

import structlog
from structlog.typing import ExcInfo

# Keys that must never reach a log line, whoever passes them.
_FORBIDDEN = frozenset({"patient_name", "patient_id", "birth_date", "patient", "name_of_patient"})


def _without_patients(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _FORBIDDEN & event.keys():
        event[key] = "(withheld)"
    return event


def _said_by(process: str) -> structlog.typing.Processor:
    # Not a context variable: those don't reach the threads that a library starts.
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add


def _where_it_failed(exc_info: ExcInfo) -> str:
    """Return the error's type, its causes' types, and where each was raised: its message may quote a name."""
    return "; because of ".join(_each(TracebackException(*exc_info)))


def _each(error: TracebackException | None) -> Iterator[str]:
    while error is not None:
        places = ", ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in error.stack)
        kind = error.exc_type.__name__ if error.exc_type else "an error"
        yield f"{kind} at {places}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def configure_logs(level: str, process: str) -> None:
    """Send everything to stderr, one line an event; `process` names the sender of each line."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _said_by(process),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_patients,
            structlog.processors.ExceptionRenderer(_where_it_failed),
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "process", "event"], bool_as_flag=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s", force=True)
    # pynetdicom and pydicom put attribute values into their messages: those may be names.
    for noisy in ("pynetdicom", "pydicom", "highdicom"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    logging.getLogger("dbos").setLevel(logging.ERROR)
