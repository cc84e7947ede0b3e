"""A span that is over, and names of traces that can be made again.

The trace of a study's generation is named by a keyed digest, so that every process, also one that takes over from a
dead one, goes on in the same trace, and no column has to carry it. Without the key nobody gets from a name to a study.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

Value = str | int | float | bool


@dataclass(frozen=True)
class Span:
    """What a step of a study was, when, and under which other span (W3C Trace Context, OpenTelemetry trace API).

    Names are 128 and 64 bits, never 0; times are nanoseconds of the POSIX clock. Attributes hold no UID and nothing of
    a patient: a span may leave the hospital. `failure` is the type of an error, never its message.
    """

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    failure: str | None = None
    calls_out: bool = False
    """Somebody else's span is below it: the inference server's."""


class SpanSink(Protocol):
    """Takes spans that are over. Never blocks and never raises: what can't be sent is dropped."""

    def add(self, span: Span) -> None:
        """Take one."""


def trace_id(key: bytes, study_uid: str, generation: int) -> int:
    """Name the trace of a study's generation."""
    return _number(key, 16, "trace", study_uid, str(generation))


def span_id(key: bytes, study_uid: str, generation: int, name: str) -> int:
    """Name a span that there is once in a trace, whoever writes it, and if it is written twice."""
    return _number(key, 8, "span", study_uid, str(generation), name)


def new_span_id() -> int:
    """Name a span that is written once."""
    return secrets.randbits(64) or 1


def traceparent(trace: int, span: int) -> str:
    """The header that tells a server where it is called from (W3C Trace Context 3.2)."""
    return f"00-{trace:032x}-{span:016x}-01"


def _number(key: bytes, size: int, *words: str) -> int:
    digest = hmac.new(key, "\n".join(words).encode(), sha256).digest()
    return int.from_bytes(digest[:size]) or 1
