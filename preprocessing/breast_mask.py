"""Where the breast is: background, labels, film border and markers are what is left over.

Otsu's threshold (IEEE Trans SMC 9, 1979) on the LOGARITHM of the intensity: on plain intensity it splits bright
from dark tissue and cuts the skin side of the breast off, a mass near the nipple with it; on the log it splits
tissue from background. Worked out at an eighth of the scan's scale, where it costs milliseconds.
"""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocessing.errors import NoBreastFound

ChestWall = Literal["left", "right"]

_LOG_OFFSET: Final = 0.02
"""Added before the logarithm: film grain in the black would otherwise span as many decades as the breast."""
_SMALLEST_PART: Final = 0.02
"""A breast fills at least this part of its image; the smallest of 2,306 film views fills more."""
_SMALLEST_CONTRAST: Final = 0.04
"""The breast is at least this much (of the full range) brighter than the background."""
_OPENING_PART: Final = 0.02
"""Side of the opening, as a part of the image's shorter side: cuts labels off that touch the breast."""
_SKIN_MARGIN_PART: Final = 0.035
"""Grown outwards by this part of the shorter side: a marked lesion near the nipple reaches past the visible skin."""


@dataclass(frozen=True)
class BreastMask:
    """The breast in an image.

    `mask`: bool, the shape of the image given. `box`: (x0, y0, x1, y1) around it, in its pixels, x1 and y1 outside.
    `chest_wall`: the side of the image where the breast is cut by the edge of the detector.
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    chest_wall: ChestWall


def find_breast(image: NDArray[np.float32]) -> BreastMask:
    """Find the breast in a presentation image (2-D, 0..1, tissue bright) of a few hundred pixels a side.

    Raises NoBreastFound when nothing stands out from the background, or what does is too small to be a breast.
    """
    smooth = cv2.GaussianBlur(image, (5, 5), 0)
    logarithm = np.log(smooth + _LOG_OFFSET)
    low, high = float(logarithm.min()), float(logarithm.max())
    if high - low < 1e-3:
        raise NoBreastFound("The image shows no breast: all of it is one grey value; send the image again.")
    levels = ((logarithm - low) * (255.0 / (high - low))).astype(np.uint8)
    _, above = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    bright = _without_film_border(above.astype(np.uint8))
    side = max(3, round(min(image.shape) * _OPENING_PART) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # The image's edge must not erode the chest wall, where a lesion may touch the edge: pad with itself first.
    padded = cv2.copyMakeBorder(bright, side, side, side, side, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel)[side:-side, side:-side]
    filled = without_holes(largest_object(np.asarray(opened, dtype=np.uint8)))
    margin = max(3, round(min(image.shape) * _SKIN_MARGIN_PART) | 1)
    grown = cv2.dilate(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1)))
    mask = np.asarray(grown, dtype=np.bool_)
    part = float(mask.mean())
    if part < _SMALLEST_PART:
        raise NoBreastFound(
            f"The image shows no breast: the largest bright object fills {part:.1%} of it; check what was sent."
        )
    if part < 0.98:
        contrast = float(np.median(smooth[mask]) - np.median(smooth[~mask]))
        if contrast < _SMALLEST_CONTRAST:
            raise NoBreastFound(
                "The image shows no breast: nothing stands out from the background; check what was sent."
            )
    rows, columns = np.nonzero(mask)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return BreastMask(mask, box, _chest_wall(mask))


def _without_film_border(bright: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Clear bright lines along the edge of a film scan: thin, long, and not part of anything thick.

    At the top and bottom edge and the far side only lines of a few pixels are cleared; nothing is trimmed, because
    a cancer may lie in the very first columns at the chest wall.
    """
    cleaned = bright.copy()
    height, width = bright.shape
    depth = max(2, round(min(height, width) * 0.02))
    for edge in ("top", "bottom"):
        strip = slice(0, depth) if edge == "top" else slice(height - depth, height)
        beyond = depth if edge == "top" else height - depth - 1
        # A column of the strip that isn't backed by tissue just inside belongs to the border.
        cleaned[strip] &= bright[beyond]
    for edge in ("left", "right"):
        strip = slice(0, depth) if edge == "left" else slice(width - depth, width)
        beyond = depth if edge == "left" else width - depth - 1
        cleaned[:, strip] &= bright[:, beyond : beyond + 1]
    return cleaned


def largest_object(binary: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest 4-connected object of a picture of 0 and 1; all 0 when there is none."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(binary, connectivity=4)
    if count < 2:
        return np.zeros_like(binary)
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest, dtype=np.uint8)


def without_holes(binary: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The objects of a picture of 0 and 1 with everything that they enclose."""
    outlines, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(binary)
    cv2.drawContours(filled, outlines, -1, 1, thickness=cv2.FILLED)
    return filled


def _chest_wall(mask: NDArray[np.bool_]) -> ChestWall:
    left = float(mask[:, : max(1, mask.shape[1] // 20)].mean())
    right = float(mask[:, -max(1, mask.shape[1] // 20) :].mean())
    if left == right:
        centre = float(np.nonzero(mask)[1].mean())
        return "left" if centre < mask.shape[1] / 2 else "right"
    return "left" if left > right else "right"
