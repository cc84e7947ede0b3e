"""Local contrast: the one normalisation that a training window and a whole-image sweep can share.

Every published crop was stretched by a gain of its own and every film scan has its own exposure, so absolute
brightness carries no information that lasts. Each pixel is therefore measured against the mean and the deviation of
the square around it. A box filter gives both in constant time, and a window is then cut from the finished picture, in
training as in the sweep.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

BOX_SIDE: Final = 225
"""Side of the square in pixels of the scale at hand: 20 mm at the fine one, 40 mm at the coarse one."""
_LOW: Final = -3.0
_HIGH: Final = 5.0
_DEVIATION_FLOOR: Final = 0.01
"""Keeps the noise of an empty area from being blown up; 1 % of the full range of grey values."""


def local_contrast(image: FloatImage, box_side: int = BOX_SIDE) -> FloatImage:
    """Measure each pixel against its surroundings.

    `image` is 2-D, 0..1. Returns the same shape, 0..1: the distance from the local mean in local deviations, cut to
    -3..+5 (calcifications stand far above their surroundings, nothing stands as far below) and mapped linearly, so
    that 0.375 is the local mean. The border is reflected.
    """
    size = (box_side, box_side)
    mean = cv2.boxFilter(image, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT_101)
    square = cv2.sqrBoxFilter(image, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT_101)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0.0))
    distance = (image - mean) / (deviation + _DEVIATION_FLOOR)
    contrast = (np.clip(distance, _LOW, _HIGH) - _LOW) / (_HIGH - _LOW)
    return np.asarray(contrast, dtype=np.float32)


FILM_EDGE_MM: Final = 0.9
"""A scan's outermost columns and rows show the film's edge, bright or dark: up to four pixels of 0.18 mm."""


def inside_film(mask: NDArray[np.bool_], millimetres: float) -> NDArray[np.bool_]:
    """`mask` without the outermost 0.9 mm of the image; `millimetres` is the side of a pixel.

    For filling only: what lies there is replaced by the tissue mirrored from beside it, so that a lesion at the chest
    wall stays in the picture. A mask that reaches nowhere else is returned as it is.
    """
    depth = round(FILM_EDGE_MM / millimetres)
    inner = np.zeros_like(mask)
    inner[depth:-depth, depth:-depth] = mask[depth:-depth, depth:-depth]
    return inner if inner.any() else mask


def fill_outside(image: FloatImage, mask: NDArray[np.bool_]) -> FloatImage:
    """Replace what lies outside `mask` by the tissue mirrored at the nearest edge of the mask.

    Labels, markers and the black background would otherwise make the outermost tissue look bright and sharp-edged.
    `image` is 2-D float32, `mask` the same shape and not empty. Where the mirrored place is outside too, the value
    at the nearest edge is taken.
    """
    outside = (~mask).astype(np.uint8)
    if not outside.any():
        return image
    _, nearest = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # Every pixel inside the mask has a label of its own; the table turns a label into that pixel's place. Places are
    # flat 32-bit indices: this runs on every image, and pairs of 64-bit ones take twice as long.
    height, width = image.shape
    labels = np.asarray(nearest).ravel()
    inside = np.flatnonzero(mask.ravel()).astype(np.int32)
    beyond = np.flatnonzero(outside.ravel()).astype(np.int32)
    table = np.zeros(int(labels.max()) + 1, dtype=np.int32)
    table[labels[inside]] = inside
    edge = table[labels[beyond]]
    edge_rows, beyond_rows = edge // np.int32(width), beyond // np.int32(width)
    mirror_rows = 2 * edge_rows - beyond_rows
    mirror_columns = 2 * (edge - edge_rows * np.int32(width)) - (beyond - beyond_rows * np.int32(width))
    np.clip(mirror_rows, 0, height - 1, out=mirror_rows)
    np.clip(mirror_columns, 0, width - 1, out=mirror_columns)
    mirror = mirror_rows * np.int32(width) + mirror_columns
    flat = image.ravel()
    filled = flat.copy()
    filled[beyond] = flat[np.where(mask.ravel()[mirror], mirror, edge)]
    return filled.reshape(height, width)
