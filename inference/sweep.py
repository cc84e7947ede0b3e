"""The sweep: logits of every window of an image in one pass, from whichever source of cells."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.card import Calibration
from inference.cells import CellSource
from inference.classes import CLASSES
from inference.graph import LocalGraph
from preprocessing.patches import COARSE, FINE, SCALES, WindowScale
from preprocessing.prepare import PreparedImage

_CELL: Final = 32
_BATCH: Final = 32


class SweepModel:
    """The network over whole images. As little shared between threads as its source of cells."""

    def __init__(
        self, model_dir: Path | None = None, threads: int | None = None, *, source: CellSource | None = None
    ) -> None:
        """Sweep with `source`; when None with the graph in `model_dir` (see LocalGraph). Raises ModelUnusable."""
        self._source = source or LocalGraph(model_dir, threads)

    def cells(self, contrast: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of every cell: (n, height, width) in 0..1, sides multiples of 32, to (n, rows, columns, 10)."""
        return self._source.cells([contrast])[0]

    def window_logits(self, windows: Sequence[NDArray[np.float32]], scale: WindowScale) -> NDArray[np.float32]:
        """Logits (n, 5) of windows (side, side) at `scale`: the mean over their cells."""
        parts = [
            self.cells(np.stack(windows[start : start + _BATCH])).mean(axis=(1, 2))
            for start in range(0, len(windows), _BATCH)
        ]
        every = np.concatenate(parts) if parts else np.zeros((0, len(SCALES) * len(CLASSES)), dtype=np.float32)
        return every[:, outputs_of(scale)]

    def image_logits(self, prepared: PreparedImage) -> NDArray[np.float32]:
        """Window logits (2, rows, columns, 5) at the positions of a prepared image, fine and coarse."""
        fine_cells, coarse_cells = self._source.cells([prepared.fine[None], prepared.coarse[None]])
        fine = _window_means(fine_cells[0, ..., outputs_of(FINE)], FINE.side // _CELL)
        coarse = _window_means(coarse_cells[0, ..., outputs_of(COARSE)], COARSE.side // _CELL)
        rows, columns = prepared.positions
        return np.stack([fine[:rows, :columns], _between(coarse)[:rows, :columns]])


def combined(logits: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    """Probabilities (..., 5) from both scales' logits (2, ..., 5), weighed and shifted as the card says."""
    weights = np.asarray(calibration.weights, dtype=np.float32).reshape((-1,) + (1,) * (logits.ndim - 1))
    return softmax((logits * weights).sum(axis=0) + np.asarray(calibration.bias, dtype=np.float32))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities over the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float32)


def outputs_of(scale: WindowScale) -> slice:
    """Which of the network's ten outputs are the five classes at `scale`."""
    start = SCALES.index(scale) * len(CLASSES)
    return slice(start, start + len(CLASSES))


def _window_means(cells: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The mean over every side x side square of cells: (rows, columns, 5) to (rows - side + 1, ...)."""
    squares = np.lib.stride_tricks.sliding_window_view(cells, (side, side), axis=(0, 1))
    return np.asarray(squares.mean(axis=(-2, -1)), dtype=np.float32)


def _between(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """The coarse map on the fine grid: its own positions, and halfway between them the mean of the neighbours."""
    for axis in (0, 1):
        here = np.moveaxis(coarse, axis, 0)
        doubled = np.empty((2 * here.shape[0] - 1, *here.shape[1:]), dtype=np.float32)
        doubled[::2] = here
        doubled[1::2] = (here[1:] + here[:-1]) / 2
        coarse = np.moveaxis(doubled, 0, axis)
    return coarse
