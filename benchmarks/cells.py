"""What is sent in each comparison, and the ratio that mammogate must not fall below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.receivers import DCMTK_16K, ORTHANC


@dataclass(frozen=True)
class Cell:
    """One comparison: which images, over how many associations at once."""

    name: str
    data_set: str
    associations: int
    images: int
    """How many a run sends; enough for about a second or more."""
    quick_images: int
    floors: Mapping[str, float]
    """By the peer's key: the least ratio ours / peer that is good enough."""
    describes: str


def _floors(orthanc: float, dcmtk: float) -> dict[str, float]:
    return {ORTHANC.key: orthanc, DCMTK_16K.key: dcmtk}


CELLS = (
    Cell("S1", "S", 1, 400, 80, _floors(1.3, 0.35), "0.5 MB, 512 x 512 pixels"),
    Cell("S4", "S", 4, 800, 160, _floors(1.3, 0.35), "0.5 MB, 512 x 512 pixels"),
    Cell("M", "M", 1, 16, 4, _floors(4, 1.2), "27 MB, 3328 x 4096 pixels"),
    Cell("J", "J", 1, 32, 8, _floors(2.5, 0.9), "the same in JPEG 2000 lossless, 6 MB"),
    Cell("D", "D", 1, 3, 1, _floors(6, 1.5), "340 MB, tomosynthesis of 50 frames"),
)
BY_NAME = {cell.name: cell for cell in CELLS}
