"""The exported graph in OpenVINO, on this machine's CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino

from inference.card import GRAPH_FILE, MODEL_DIR, ModelUnusable
from inference.cells import Logits, Picture

_PRECISION: Final = "f32"
"""bf16 would be twice as fast and differ by up to 4.7e-3; the test holds the sweep to Keras within 1e-4."""


class LocalGraph:
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

    def cells(self, pictures: Sequence[Picture]) -> list[Logits]:
        """Logits of the cells of each, one after the other."""
        return [self._cells(picture) for picture in pictures]

    def _cells(self, picture: Picture) -> Logits:
        result = self._request.infer({"image": np.ascontiguousarray(picture[:, None], dtype=np.float32)})
        return np.array(next(iter(result.values())), dtype=np.float32)
