"""What the gateway asks of whatever reads images: the embedded network, or one behind a wire."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.card import ModelInfo
from inference.results import ViewResult
from preprocessing.views import ImageIdentity


@dataclass(frozen=True)
class ViewReading:
    """One image read.

    `result`: as the interface shows it, without failure. `heat_map`: malignancy (0..1) at every sweep position,
    float32 (rows, columns). `heat_map_extent`: (x0, y0, x1, y1) of the map's outer edges in stored pixels, which may
    reach half a cell past the image. `timings`: seconds for "decode", "prepare", "sweep" and "findings".
    """

    result: ViewResult
    heat_map: NDArray[np.float32]
    heat_map_extent: tuple[float, float, float, float]
    timings: dict[str, float]


class Engine(Protocol):
    """Reads one image at a time; made once and used for many."""

    @property
    def name(self) -> str:
        """ "embedded", or what the remote engine calls itself."""

    @property
    def model(self) -> ModelInfo:
        """The model that reads."""

    def read(self, path: Path, identity: ImageIdentity | None = None) -> ViewReading:
        """Read the image in a file; `identity` spares reading the header twice. Raises ImageRefused."""
