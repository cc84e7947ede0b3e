"""The span that is going on in this thread, for code that knows more of it than when it began and ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from gateway.tracing.span import Span, SpanSink, Value, new_span_id, traceparent

_SECOND: Final = 10**9
INFER: Final = "image.infer"
_STAGES: Final = {"decode": "image.decode", "prepare": "image.prepare", "sweep": INFER, "findings": "image.findings"}


class OpenSpan:
    """A span whose end is not known yet; the spans below it are handed on at once."""

    def __init__(self, sink: SpanSink, trace: int, span: int) -> None:
        self.trace_id = trace
        self.span_id = span
        self.attributes: dict[str, Value] = {}
        self._sink = sink
        self._called_from: int | None = None

    def call(self) -> str:
        """Return the `traceparent` for a call to the inference server that begins now."""
        self._called_from = new_span_id()
        return traceparent(self.trace_id, self._called_from)

    def called_in_vain(self, start_ns: int, end_ns: int, failure: str) -> None:
        """Say that the call that began last came to nothing."""
        self._below(INFER, start_ns, end_ns, {"mammogate.engine": "remote"}, failure)

    def stages(self, begun_ns: int, seconds: Mapping[str, float], engine: str | None) -> None:
        """Say how long the parts of reading an image took, one after the other from `begun_ns` on."""
        at = begun_ns
        for stage, name in _STAGES.items():
            if stage in seconds:
                end = at + round(seconds[stage] * _SECOND)
                attributes: dict[str, Value] = {"mammogate.engine": engine} if engine and name == INFER else {}
                self._below(name, at, end, attributes)
                at = end

    def _below(
        self, name: str, start_ns: int, end_ns: int, attributes: Mapping[str, Value], failure: str | None = None
    ) -> None:
        called_from = None
        if name == INFER:
            called_from, self._called_from = self._called_from, None
        self._sink.add(
            Span(
                name,
                self.trace_id,
                called_from or new_span_id(),
                self.span_id,
                start_ns,
                end_ns,
                attributes,
                failure,
                calls_out=called_from is not None,
            )
        )


_current: ContextVar[OpenSpan | None] = ContextVar("open_span", default=None)


def current() -> OpenSpan | None:
    """Return the span that is going on; None where traces are off, or outside a step."""
    return _current.get()


def note(**attributes: Value | None) -> None:
    """Add to the span that is going on what is known of it; nothing that names a patient or an object."""
    if (span := _current.get()) is not None:
        span.attributes |= {f"mammogate.{name}": value for name, value in attributes.items() if value is not None}


@contextmanager
def going_on(span: OpenSpan) -> Iterator[None]:
    """Make it the span that is going on in this thread."""
    token = _current.set(span)
    try:
        yield
    finally:
        _current.reset(token)
