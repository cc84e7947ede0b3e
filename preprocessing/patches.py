"""Windows of a fixed size at two fixed scales, cut the same way for every class.

A crop is never resized to fit and never padded with zeros: crop area alone tells malignancy (AUROC .71 for
calcifications), and a network would read it from either.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocessing.normalise import FloatImage


@dataclass(frozen=True)
class WindowScale:
    """One scale at which the network looks: `millimetres` a pixel, `side` of its window in pixels.

    `of_film`: the same as a part of a film scan whose pixel size isn't known (43-50 um).
    """

    name: str
    millimetres: float
    of_film: float
    side: int


FINE: Final = WindowScale("fine", 0.09, 0.5, 160)
"""For calcifications and margins: 14 mm."""
COARSE: Final = WindowScale("coarse", 0.18, 0.25, 128)
"""For shape and surroundings: 23 mm."""
SCALES: Final = (FINE, COARSE)


@dataclass(frozen=True)
class Placement:
    """How a window lies in its image: `centre` (x, y) in its pixels, `angle` in degrees, `zoom` > 1 enlarges."""

    centre: tuple[float, float]
    angle: float = 0.0
    zoom: float = 1.0
    mirrored: bool = False


def cut_window(contrast: FloatImage, placement: Placement, side: int) -> FloatImage:
    """Cut side x side pixels around a place; beyond the image its reflection goes on.

    `contrast`: 2-D float32. Resampled bilinearly in one step for every class and every placement; with a whole or
    half `centre`, no angle and no zoom, the pixels are taken as they are.
    """
    middle = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D(placement.centre, placement.angle, placement.zoom)
    if placement.mirrored:
        mirror = np.array([[-1.0, 0.0, 2.0 * placement.centre[0]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        matrix = matrix @ mirror
    matrix[0, 2] += middle - placement.centre[0]
    matrix[1, 2] += middle - placement.centre[1]
    cut = cv2.warpAffine(contrast, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(cut, dtype=np.float32)


def bright_places(image: FloatImage, count: int, apart: int) -> list[tuple[float, float]]:
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
    """How much small bright detail (up to seven pixels) there is around each pixel: white top-hat, locally averaged."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    spots = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, kernel)
    return np.asarray(cv2.boxFilter(spots, cv2.CV_32F, (25, 25), borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)
