"""The exported graph in OpenVINO: logits of every window of an image in one pass, without TensorFlow."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from inference.card import GRAPH_FILE, MODEL_DIR, ModelUnusable

_PRECISION: Final = "f32"
"""bf16 would be twice as fast and differ by up to 4.7e-3; the test holds the sweep to Keras within 1e-4."""


class SweepModel:
    """A compiled graph. Not shared between threads: every thread makes its own, or they take turns."""

    def __init__(self, model_dir: Path | None = None, threads: int | None = None) -> None:
        """Load and compile `model.onnx` in `model_dir` (the shipped model when None). Raises ModelUnusable."""
        graph = (model_dir or MODEL_DIR) / GRAPH_FILE
        if not graph.is_file():
            raise ModelUnusable(f"There is no model {graph}; name a folder written by `mammogate train`.")
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": _PRECISION, "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            core = openvino.Core()
            self._request = core.compile_model(str(graph), "CPU", options).create_infer_request()
        except RuntimeError as error:
            raise ModelUnusable(f"The model {graph} can't be loaded ({str(error)[:200]}); export it again.") from error

    def logits(self, contrast: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sweep images: (height, width) or (n, height, width), 0..1, sides multiples of 16, at least a window.

        Returns (rows, columns, 5) or (n, rows, columns, 5) float32.
        """
        batch = contrast[None, None] if contrast.ndim == 2 else contrast[:, None]
        result = self._request.infer({"image": np.ascontiguousarray(batch, dtype=np.float32)})
        logits = np.array(next(iter(result.values())), dtype=np.float32)
        return logits[0] if contrast.ndim == 2 else logits


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities over the last axis after dividing by the temperature."""
    scaled = logits / np.float32(temperature)
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float32)
