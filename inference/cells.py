"""Where the network's answer comes from: the graph in this process, or a server behind a wire."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""Local contrast (n, height, width), 0..1, sides multiples of 32."""
Logits = NDArray[np.float32]
"""(n, rows, columns, 10) for the cells of 32 pixels: five classes at the fine scale, then five at the coarse."""


class CellSource(Protocol):
    """Evaluates the network. Everything else of a reading is the gateway's, whatever the source."""

    def cells(self, pictures: Sequence[Picture]) -> list[Logits]:
        """Logits of the cells of each; a source behind a wire has all of them under way at once."""
