"""A collector of OpenTelemetry traces (OTLP/HTTP, protobuf) as a process of its own, and what it was sent.

`python -m tests.peers.otlp_collector PORT FOLDER` keeps each request's body as a file of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import environment, stop

_NUMBERS = count(1)


@dataclass(frozen=True)
class Received:
    """A span as it came. Ids are hexadecimal; `parent` is empty for a root; times are nanoseconds."""

    name: str
    trace: str
    span: str
    parent: str
    start: int
    end: int
    kind: int
    failed: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]


@dataclass(frozen=True)
class Collector:
    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/v1/traces"

    def bodies(self) -> list[bytes]:
        """Every request that came, whole."""
        return [file.read_bytes() for file in sorted(self.folder.glob("*.bin"))]

    def spans(self) -> list[Received]:
        return [span for body in self.bodies() for span in _spans(body)]

    def wait_for(self, name: str, at_least: int = 1, seconds: float = 60) -> list[Received]:
        """Wait until so many spans of a name are there, and return all spans."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            spans = self.spans()
            if sum(span.name == name for span in spans) >= at_least:
                return spans
            time.sleep(0.2)
        raise AssertionError(f"only {sorted(span.name for span in self.spans())} came")


def _spans(body: bytes) -> Iterator[Received]:
    for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in of_process.scope_spans:
            for span in scope.spans:
                yield Received(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.kind,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    _values(span.attributes),
                    _values(of_process.resource.attributes),
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def running_collector(folder: Path) -> Iterator[Collector]:
    """Run a collector that keeps what it gets in `folder`."""
    folder.mkdir(parents=True)
    collector = Collector(free_port(), folder)
    command = [sys.executable, "-m", "tests.peers.otlp_collector", str(collector.port), str(folder)]
    process = subprocess.Popen(command, env=environment({}), cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://{LOOPBACK}:{collector.port}/", trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the collector did not start"
                time.sleep(0.1)
        yield collector
    finally:
        stop(process)


class _Keeping(BaseHTTPRequestHandler):
    folder: Path

    def do_GET(self) -> None:
        self._answer(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
        if not good:
            self._answer(400, b"")
            return
        part = self.folder / f"{next(_NUMBERS):05}.part"
        part.write_bytes(body)
        part.rename(part.with_suffix(".bin"))
        self._answer(200, ExportTraceServiceResponse().SerializeToString())

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _main(port: int, folder: Path) -> None:
    _Keeping.folder = folder
    ThreadingHTTPServer((LOOPBACK, port), _Keeping).serve_forever()


if __name__ == "__main__":
    _main(int(sys.argv[1]), Path(sys.argv[2]))
