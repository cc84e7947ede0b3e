"""Spans to a collector, over OTLP/HTTP with protobuf; needs the extra `traces`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.tracing.span import Span

_EXPORT_EACH_MS: Final = 1000
"""What a process has not sent when it is killed is lost: so it doesn't wait long."""
_TIMEOUT_SECONDS: Final = 3.0
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class OtlpSink:
    """Sends spans in the background; what a collector that is away doesn't take is dropped."""

    def __init__(
        self,
        endpoint: str,
        *,
        service: Mapping[str, str],
        ca: Path | None = None,
        token: str | None = None,
    ) -> None:
        """`service`: who sends, as OpenTelemetry's resource attributes; `ca`: PEM; `token`: a bearer token."""
        # Not Resource.create(): it would add what the environment says of this machine.
        self._resource = Resource(dict(service))
        self._scope = InstrumentationScope("mammogate", service.get("service.version"))
        exporter = OTLPSpanExporter(
            endpoint,
            certificate_file=None if ca is None else str(ca),
            headers={} if token is None else {"authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_SECONDS,
        )
        self._processor = BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EACH_MS)

    def add(self, span: Span) -> None:
        """Take a span; returns at once."""
        parent = None if span.parent_id is None else _context(span.trace_id, span.parent_id)
        self._processor.on_end(
            ReadableSpan(
                span.name,
                context=_context(span.trace_id, span.span_id),
                parent=parent,
                resource=self._resource,
                attributes=dict(span.attributes) | ({"error.type": span.failure} if span.failure else {}),
                kind=SpanKind.CLIENT if span.calls_out else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR if span.failure else StatusCode.UNSET),
                start_time=span.start_ns,
                end_time=max(span.start_ns, span.end_ns),
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._processor.shutdown()  # type: ignore[no-untyped-call] # the SDK has it without types


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=_SAMPLED)
