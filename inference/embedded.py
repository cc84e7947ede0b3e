"""The engine inside the gateway: OpenVINO on the CPU, no TensorFlow, made for a child process."""

from pathlib import Path
from typing import Final

import cv2

from inference.card import read_model_info
from inference.sweep import SweepModel
from inference.sweeping_engine import SweepingEngine

EMBEDDED: Final = "embedded"


class EmbeddedEngine(SweepingEngine):
    """Reads images with the model in a folder."""

    def __init__(self, model_dir: Path | None = None, threads: int | None = None) -> None:
        """Load the model in `model_dir` (the shipped one when None), to run on `threads` CPU threads (all when None).

        Raises ModelUnusable.
        """
        super().__init__(EMBEDDED, read_model_info(model_dir), SweepModel(model_dir, threads))
        if threads is not None:
            cv2.setNumThreads(threads)
