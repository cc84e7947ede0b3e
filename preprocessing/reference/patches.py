"""Patches as the reference cuts them: tiles of normal tissue, three random crops around a lesion.

A patch is always 512 pixels of the film (23 mm), reduced to the network's side, whatever the lesion's size: resizing a
whole lesion crop would tell the network its area, which alone tells malignancy (AUROC .71 for calcifications).
"""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocessing.reference.film import Grey, Mask, raised_contrast

EXTENT: Final = 512
"""Film pixels on a side of a patch, before it is reduced."""
TILE_STEP: Final = EXTENT // 2
"""Normal tiles overlap by half, as the published ones overlap."""
CROPS: Final = 3
SMALL_LESION_CONTEXT: Final = round(1.4 * EXTENT)
LARGE_LESION_CONTEXT: Final = 1.15

Fault = Literal["too dark", "too bright", "flat"]
_BLACK: Final = 8
_MOST_BLACK: Final = 0.01
_DARKEST_MEAN: Final = 30.0
_BRIGHTEST_MEAN: Final = 220.0
_FLATTEST: Final = 4.0
"""Grey levels (of 255). The paper names the three reasons and no numbers; these are ours."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


def tile_places(breast: Mask, step: int = TILE_STEP) -> list[Box]:
    """Tiles that lie in the breast wholly, every `step` pixels from the film's top left corner."""
    # The sum over any rectangle from four values; a tile is whole when it sums to its area.
    sums = cv2.integral(breast)
    rows, columns = breast.shape
    return [
        Box(x, y, EXTENT, EXTENT)
        for y in range(0, rows - EXTENT + 1, step)
        for x in range(0, columns - EXTENT + 1, step)
        if sums[y + EXTENT, x + EXTENT] - sums[y, x + EXTENT] - sums[y + EXTENT, x] + sums[y, x] == EXTENT * EXTENT
    ]


def tile_fault(tile: Grey) -> Fault | None:
    """Why a tile, before its contrast is raised, is no use as normal tissue; None when it is.

    Blackened parts (names and labels were painted over in some films) count as too dark.
    """
    mean = float(tile.mean())
    if mean < _DARKEST_MEAN or float((tile < _BLACK).mean()) > _MOST_BLACK:
        return "too dark"
    if mean > _BRIGHTEST_MEAN:
        return "too bright"
    return "flat" if is_flat(tile) else None


def is_flat(picture: NDArray[np.uint8]) -> bool:
    """Whether there is nothing to see: the grey values hardly differ."""
    return float(picture.std()) < _FLATTEST


def normal_places(film: Grey, breast: Mask, step: int = TILE_STEP) -> list[Box]:
    """The tiles of a normal film that are neither too dark nor too bright nor flat."""
    return [place for place in tile_places(breast, step) if tile_fault(cut(film, place)) is None]


def roi_box(roi: Mask) -> Box:
    """The box around what is marked in an ROI mask. Raises ValueError when nothing is."""
    if not roi.any():
        raise ValueError("The ROI mask marks nothing.")
    x, y, width, height = cv2.boundingRect(roi)
    return Box(x, y, width, height)


def lesion_places(
    lesion: Box, film_shape: tuple[int, ...], generator: np.random.Generator, count: int = CROPS
) -> list[Box]:
    """Random places of a patch in the lesion's context: 717 pixels for a lesion below 512, else 1.15 times its box.

    `film_shape` (rows, columns). Each axis by itself. A place stays inside the film where the film is large enough;
    a lesion crop smaller than a patch is centred in it within the context's freedom, and `cut` goes on beyond it.
    """
    across = _range(lesion.x, lesion.width, film_shape[1])
    down = _range(lesion.y, lesion.height, film_shape[0])
    return [
        Box(
            int(generator.integers(*across, endpoint=True)),
            int(generator.integers(*down, endpoint=True)),
            EXTENT,
            EXTENT,
        )
        for _ in range(count)
    ]


def _range(start: int, length: int, film_length: int) -> tuple[int, int]:
    """First and last position of a patch along one axis."""
    context = SMALL_LESION_CONTEXT if length < EXTENT else round(LARGE_LESION_CONTEXT * length)
    middle = start + length / 2
    first, last = round(middle - context / 2), round(middle + context / 2) - EXTENT
    if film_length < EXTENT:
        return first, last
    inside_first, inside_last = max(first, 0), min(last, film_length - EXTENT)
    if inside_first <= inside_last:
        return inside_first, inside_last
    # The context reaches out of the film so far that only one position is left: the one nearest to the lesion.
    only = min(max(round(middle) - EXTENT // 2, 0), film_length - EXTENT)
    return only, only


def cut(film: Grey, place: Box) -> Grey:
    """The pixels of a place; beyond the film its reflection goes on, never black."""
    left, top = max(0, -place.x), max(0, -place.y)
    right = max(0, place.x + place.width - film.shape[1])
    bottom = max(0, place.y + place.height - film.shape[0])
    y, x = max(place.y, 0), max(place.x, 0)
    if not (left or top or right or bottom):
        return film[y : y + place.height, x : x + place.width]
    padded = cv2.copyMakeBorder(film, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    return np.asarray(padded[place.y + top :, place.x + left :][: place.height, : place.width], dtype=np.uint8)


def as_patch(pixels: Grey, side: int) -> Grey:
    """What the network gets of a cut place: contrast raised, then reduced to `side` by averaging; 0..255."""
    raised = raised_contrast(pixels)
    return np.asarray(cv2.resize(raised, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
