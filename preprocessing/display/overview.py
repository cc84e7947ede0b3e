"""The whole image small, in 16 bits, lossy: so few bytes that a phone shows four at once and can window them.

A lossless level of the same size is several times larger, since most of it is noise of the film or of the quanta. The
values are spread over the middle of 16 bits before they are coded: what a lossy decoder overshoots stays a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

OVERVIEW_SIDE: Final = 800
"""Pixels on the longer side, at most: one of four panes of a phone has about as many."""
OVERVIEW_BYTES: Final = 40_000
"""Of one image, at most, unless even the coarsest step needs more."""
_MARGIN: Final = 8192
_STEPS: Final = (0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.032)
"""Quantisation, as a part of 16 bits. The worst errors seen are about twice a step, far from the margin."""


@dataclass(frozen=True)
class Overview:
    """`rows` x `columns` pixels as HTJ2K; a served value is `slope` x decoded + `intercept`."""

    rows: int
    columns: int
    content: bytes
    slope: float
    intercept: float

    def served(self, decoded: NDArray[np.integer[Any]]) -> NDArray[np.uint16]:
        """Return the served values that a decoder's stand for."""
        values = np.round(decoded.astype(np.float64) * self.slope + self.intercept)
        return np.clip(values, 0, 65535).astype(np.uint16)


def overview(served: NDArray[np.uint16]) -> Overview:
    """Make the overview of what is served (rows, columns): the finest quantisation that keeps to `OVERVIEW_BYTES`."""
    rows, columns = served.shape
    factor = min(1.0, OVERVIEW_SIDE / max(rows, columns))
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    small = np.asarray(cv2.resize(served, size, interpolation=cv2.INTER_AREA))
    low, high = int(small.min()), int(small.max())
    slope = max(1, high - low) / (65535 - 2 * _MARGIN)
    intercept = low - _MARGIN * slope
    spread = np.round((small.astype(np.float64) - intercept) / slope).astype(np.uint16)
    content = b""
    for step in _STEPS:
        content = bytes(imagecodecs.htj2k_encode(spread, level=step, reversible=False))
        if len(content) <= OVERVIEW_BYTES:
            break
    return Overview(size[1], size[0], content, slope, intercept)
