"""A small server of the Open Inference Protocol over real sockets: evaluates the shipped graph, and can misbehave."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

from inference.card import read_model_info
from inference.graph import LocalGraph
from inference.remote.version import served_version
from tests.peers.certificates import Identity
from tests.peers.ports import LOOPBACK

MODEL = "mammogate"
Fault = Literal[
    "hangs",
    "is unavailable",
    "is unavailable once",
    "does not take the token",
    "has not loaded the model",
    "answers as another version",
    "answers another shape",
    "answers another type",
    "answers cut short",
    "answers with NaN",
    "answers another request",
    "fails inside",
]
_CODES = {
    "is unavailable": grpc.StatusCode.UNAVAILABLE,
    "is unavailable once": grpc.StatusCode.UNAVAILABLE,
    "does not take the token": grpc.StatusCode.UNAUTHENTICATED,
    "fails inside": grpc.StatusCode.INTERNAL,
}


@dataclass
class InferenceServer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """`fault` says how it misbehaves from now on; `requests` and `metadata` are what it was sent."""

    version: str = field(default_factory=lambda: served_version(read_model_info().version))
    fault: Fault | None = None
    requests: list[Any] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    failed: int = 0
    together: threading.Barrier | None = None
    """Where set, requests are answered only once so many are there."""

    def __post_init__(self) -> None:
        self._graph = LocalGraph(threads=1)
        self._turn = threading.Lock()
        self._let_go = threading.Event()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def ModelReady(self, request: Any, context: Any) -> Any:
        self._misbehave(context)
        ready = (request.name, request.version) == (MODEL, self.version) and self.fault != "has not loaded the model"
        self.failed += not ready
        return service_pb2.ModelReadyResponse(ready=ready)

    def ModelInfer(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        self._misbehave(context)
        if self.together is not None:
            self.together.wait()
        shape = tuple(request.inputs[0].shape)
        tensor = np.frombuffer(request.raw_input_contents[0], np.uint16).reshape(shape)
        with self._turn:
            if not context.is_active():  # given up by the client: whoever computed it all the same would fall behind
                context.abort(grpc.StatusCode.CANCELLED, "nobody waits for it")
            (logits,) = self._graph.cells([tensor[:, 0].astype(np.float32) / 65535])
        return self._answer(request, logits)

    def release(self) -> None:
        self._let_go.set()

    def _misbehave(self, context: Any) -> None:
        if self.fault == "hangs":
            self.failed += 1
            self._let_go.wait(60)
        if self.fault in _CODES:
            code = _CODES[self.fault]
            if self.fault == "is unavailable once":
                self.fault = None
            self.failed += 1
            context.abort(code, "as the test wants it")

    def _answer(self, request: Any, logits: np.ndarray[Any, Any]) -> Any:
        self.failed += self.fault is not None
        shape, datatype = list(logits.shape), "FP32"
        if self.fault == "answers another shape":
            shape, logits = [*shape[:-1], 5], logits[..., :5]
        if self.fault == "answers another type":
            datatype, logits = "FP64", logits.astype(np.float64)
        if self.fault == "answers with NaN":
            logits = np.where(np.arange(logits.shape[-1]) == 3, np.nan, logits).astype(np.float32)
        content = np.ascontiguousarray(logits).tobytes()
        return service_pb2.ModelInferResponse(
            model_name=request.model_name,
            model_version="7" if self.fault == "answers as another version" else self.version,
            id="another" if self.fault == "answers another request" else request.id,
            outputs=[service_pb2.ModelInferResponse.InferOutputTensor(name="logits", datatype=datatype, shape=shape)],
            raw_output_contents=[content[:-8] if self.fault == "answers cut short" else content],
        )


@contextmanager
def running_inference_server(
    *, port: int = 0, identity: Identity | None = None, client_ca: Path | None = None
) -> Iterator[InferenceServer]:
    """Serve on loopback, over TLS with an `identity`; with a `client_ca` clients have to show a certificate."""
    servicer = InferenceServer()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    if identity is None:
        servicer.port = server.add_insecure_port(f"{LOOPBACK}:{port}")
    else:
        pair = identity.key.read_bytes(), identity.certificate.read_bytes()
        authority = None if client_ca is None else client_ca.read_bytes()
        credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=client_ca is not None)
        servicer.port = server.add_secure_port(f"{LOOPBACK}:{port}", credentials)
    server.start()
    try:
        yield servicer
    finally:
        servicer.release()
        server.stop(None).wait()
