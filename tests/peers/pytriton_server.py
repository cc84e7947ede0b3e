"""A real Triton (by nvidia-pytriton) that serves an exported graph with its Python backend. Runs in a venv of its own.

python pytriton_server.py GRAPH VERSION GRPC_PORT HTTP_PORT METRICS_PORT [ADDRESS]

The graph is the one of `mammogate model export --format triton`. Imports nothing of this repository.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"


def _with_the_library_of_this_python() -> None:
    """Start anew with this Python's lib folder in LD_LIBRARY_PATH: Triton's backend finds libpython only there."""
    folder = str(Path(sys.base_prefix) / "lib")
    known = os.environ.get("LD_LIBRARY_PATH", "")
    if folder not in known.split(":"):
        os.environ["LD_LIBRARY_PATH"] = f"{folder}:{known}".rstrip(":")
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves, with our own arguments


def main() -> None:
    import numpy as np
    import onnxruntime
    from pytriton.model_config import ModelConfig, Tensor
    from pytriton.triton import Triton, TritonConfig

    graph, version, grpc_port, http_port, metrics_port = sys.argv[1], *map(int, sys.argv[2:6])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def evaluate(requests: list[Any]) -> list[dict[str, Any]]:
        return [{"logits": session.run(["logits"], {"image": request["image"]})[0]} for request in requests]

    address = sys.argv[6] if len(sys.argv) > 6 else LOOPBACK
    addresses = {"http_address": address, "grpc_address": address, "metrics_address": address}
    ports = {"http_port": http_port, "grpc_port": grpc_port, "metrics_port": metrics_port}
    # Politely: a plain SIGTERM would leave the server behind.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with Triton(config=TritonConfig(**addresses, **ports)) as triton:
        triton.bind(
            model_name="mammogate",
            model_version=version,
            infer_func=evaluate,
            inputs=[Tensor(name="image", dtype=np.uint16, shape=(-1, 1, -1, -1))],
            outputs=[Tensor(name="logits", dtype=np.float32, shape=(-1, -1, -1, 10))],
            config=ModelConfig(batching=False),
        )
        triton.serve()


if __name__ == "__main__":
    _with_the_library_of_this_python()
    main()
