"""Where a request to the server comes from, for whoever puts the traces of both sides together (W3C Trace Context)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def called_from(traceparent: str | None) -> Iterator[None]:
    """Send `traceparent` along with each request that is made meanwhile; None: nothing."""
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)


def trace_metadata() -> dict[str, str]:
    """Return the gRPC metadata that says so; empty where there is no trace."""
    traceparent = _traceparent.get()
    return {} if traceparent is None else {"traceparent": traceparent}
