"""Windows of a fixed size at a fixed scale, cut the same way for every class.

A crop is never resized to fit and never padded with zeros: crop area alone tells malignancy (AUROC .71 for
calcifications), and a network would read it from either.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocessing.normalise import BOX_SIDE, FloatImage, local_contrast

WINDOW_SIDE: Final = 96
"""Side of the network's window in pixels of the training scale (about 17 mm)."""
MARGIN: Final = BOX_SIDE // 2
"""Tissue needed around a window so that its local contrast equals that of a sweep over the whole image."""


@dataclass(frozen=True)
class Placement:
    """How a window lies in its image: `centre` (x, y) in its pixels, `angle` in degrees, `zoom` > 1 enlarges."""

    centre: tuple[float, float]
    angle: float = 0.0
    zoom: float = 1.0
    mirrored: bool = False


def cut_with_margin(image: FloatImage, placement: Placement, side: int = WINDOW_SIDE) -> FloatImage:
    """Cut (side + 2 x MARGIN) squared pixels around a place; beyond the image its reflection goes on.

    `image`: 2-D float32 at the training scale. Resampled bilinearly in one step for every class and every placement.
    """
    full = side + 2 * MARGIN
    middle = (full - 1) / 2
    matrix = cv2.getRotationMatrix2D(placement.centre, placement.angle, placement.zoom)
    if placement.mirrored:
        mirror = np.array([[-1.0, 0.0, 2.0 * placement.centre[0]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        matrix = matrix @ mirror
    matrix[0, 2] += middle - placement.centre[0]
    matrix[1, 2] += middle - placement.centre[1]
    cut = cv2.warpAffine(image, matrix, (full, full), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(cut, dtype=np.float32)


def window_contrast(cut: FloatImage) -> FloatImage:
    """Turn what `cut_with_margin` returned into the network's input: local contrast, margin removed, 0..1."""
    return local_contrast(cut)[MARGIN:-MARGIN, MARGIN:-MARGIN]


def bright_places(image: FloatImage, count: int, apart: int = WINDOW_SIDE // 2) -> list[tuple[float, float]]:
    """Up to `count` places (x, y), at least `apart` pixels from each other, richest in small bright spots first.

    For large calcification crops, which are mostly normal tissue: a window in the middle may show none.
    """
    energy = spot_energy(image)
    places: list[tuple[float, float]] = []
    for _ in range(count):
        _, strongest, _, place = cv2.minMaxLoc(energy)
        if strongest <= 0.0:
            break
        places.append((float(place[0]), float(place[1])))
        cv2.circle(energy, place, apart, 0.0, thickness=cv2.FILLED)
    return places


def spot_energy(image: FloatImage) -> NDArray[np.float32]:
    """How much small bright detail (up to about 1 mm) there is around each pixel: white top-hat, locally averaged."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    spots = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, kernel)
    return np.asarray(cv2.boxFilter(spots, cv2.CV_32F, (25, 25), borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)
