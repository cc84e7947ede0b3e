"""What the page needs of whoever can decode pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

GreyImage = NDArray[np.uint8]
ColourImage = NDArray[np.uint8]


@dataclass(frozen=True)
class RenderedImage:
    """A mammogram as people look at it: dark background, not turned, not cropped.

    `scale` is rendered pixels per stored pixel, so that a mark at stored (column, row) lies at `scale` times that.
    """

    pixels: GreyImage
    scale: float


class RenderImage(Protocol):
    """Renders the image file at `path` so that its longer side has at most `longest_side` pixels."""

    def __call__(self, path: Path, longest_side: int) -> RenderedImage: ...
