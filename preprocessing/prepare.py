"""One mammogram, from file to what the network sweeps over."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from preprocessing.breast_mask import ChestWall, find_breast
from preprocessing.decode import decode_pixels
from preprocessing.geometry import Scale, training_scale
from preprocessing.intensity import (
    darkest_value,
    is_for_processing,
    padding_of,
    presentation_image,
    without_padding,
)
from preprocessing.normalise import BOX_SIDE, FloatImage, fill_outside, inside_film, local_contrast
from preprocessing.patches import COARSE, FINE, WindowScale
from preprocessing.pixel_format import read_dataset
from preprocessing.unlike_a_mammogram import refuse_unlike_a_mammogram

STRIDE: Final = 16
"""Coarse pixels between two positions of the sweep's map: 2.9 mm."""
_CELL: Final = 32
"""Pixels between two positions of the network's own map, at either scale; a prepared side is a multiple of it."""
_MOSTLY: Final = 0.5
"""A reduced pixel of which this part is padding is padding."""
_MASK_SCALE: Final = 0.5
"""The breast is sought at half the coarse scale, an eighth of a film scan."""


@dataclass(frozen=True)
class PreparedImage:
    """A mammogram cut to the breast at both scales, ready to be swept.

    `fine`, `coarse`: float32 0..1, local contrast at 0.09 and 0.18 mm a pixel, sides multiples of 32. The map has
    `positions` (rows, columns); the windows at (row r, column c) are [32 r : 32 r + 160, 32 c : 32 c + 160] of `fine`
    and, for even r and c, [16 r : 16 r + 128, 16 c : 16 c + 128] of `coarse`, both centred on (x, y) = `centre(r, c)`.
    `image`: the whole presentation image at the coarse scale, 0..1; `mask`: the breast in it. `box`: (x0, y0, x1, y1)
    of the breast in coarse pixels. `timings`: seconds for "decode" and "prepare".
    """

    fine: FloatImage
    coarse: FloatImage
    image: FloatImage
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    chest_wall: ChestWall
    scale: Scale
    stored_size: tuple[int, int]
    timings: dict[str, float]

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of the sweep's map."""
        rows, columns = self.fine.shape
        cells = FINE.side // _CELL - 1
        return rows // _CELL - cells, columns // _CELL - cells

    def centre(self, row: float, column: float) -> tuple[float, float]:
        """Middle of the window at a sweep position: (x, y) at the coarse scale, from the image's top left corner."""
        return self.box[0] + STRIDE * column, self.box[1] + STRIDE * row

    def to_stored(self, x: float, y: float) -> tuple[float, float]:
        """A place at the coarse scale as [column, row] in stored pixels, kept inside the image."""
        column, row = self.scale.to_stored(x, y)
        width, height = self.stored_size
        return min(max(column, 0.0), float(width)), min(max(row, 0.0), float(height))


def prepare(source: Path | Dataset) -> PreparedImage:
    """Decode, render, find the breast, cut to it and measure local contrast. Raises ImageRefused with the reason."""
    started = time.perf_counter()
    dataset = read_dataset(source)
    stored = decode_pixels(dataset)
    decoded = time.perf_counter()
    prepared = prepare_values(stored, dataset)
    return replace(prepared, timings={"decode": decoded - started, **prepared.timings})


def prepare_values(stored: NDArray[np.integer], header: Dataset) -> PreparedImage:
    """The same from decoded stored values (2-D) and whatever header there is; for picture files it is empty."""
    started = time.perf_counter()
    rows, columns = stored.shape
    scale = training_scale(header, rows, columns)
    fine = reduced_presentation(stored, header, scale.doubled())
    image = np.asarray(cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.float32)
    small = _resized(image, _MASK_SCALE, _MASK_SCALE)
    breast = find_breast(small)
    refuse_unlike_a_mammogram(small, breast, header)
    height, width = image.shape
    enlarged = cv2.resize(breast.mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    mask = np.asarray(enlarged, dtype=np.bool_)
    across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    box = (int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1)
    shown = inside_film(mask, COARSE.millimetres)
    return PreparedImage(
        fine=sweep_input(fine, shown, box, FINE),
        coarse=sweep_input(image, shown, box, COARSE),
        image=image,
        mask=mask,
        box=box,
        chest_wall=breast.chest_wall,
        scale=scale,
        stored_size=(columns, rows),
        timings={"prepare": time.perf_counter() - started},
    )


def readable_positions(prepared: PreparedImage) -> NDArray[np.bool_]:
    """Which sweep positions (rows, columns) are centred on the breast.

    Sides are rounded up to whole cells, so the last positions may lie outside the image: those are not.
    """
    height, width = prepared.mask.shape
    shape = prepared.positions
    rows = prepared.box[1] + STRIDE * np.arange(shape[0])
    columns = prepared.box[0] + STRIDE * np.arange(shape[1])
    rows, columns = rows[rows < height], columns[columns < width]
    readable = np.zeros(shape, dtype=np.bool_)
    readable[: len(rows), : len(columns)] = prepared.mask[np.ix_(rows, columns)]
    return readable


def reduced_presentation(stored: NDArray[np.integer], header: Dataset, scale: Scale) -> FloatImage:
    """Stored values as a presentation image (0..1) at `scale`."""
    if is_for_processing(header) and (padded := padding_of(stored, header)) is not None:
        return _reduced_raw(stored, header, padded, scale)
    return presentation_image(_reduced(without_padding(stored, header), scale), header)


def _reduced_raw(stored: NDArray[np.integer], header: Dataset, padded: NDArray[np.bool_], scale: Scale) -> FloatImage:
    """The same for a raw image with padding: a pixel is the mean of the real ones in it, if they are half of them."""
    filler = stored.dtype.type(darkest_value(stored, padded, header))
    mixed = _reduced(np.where(padded, filler, stored), scale)
    part = _resized(padded.astype(np.float32), scale.x, scale.y)
    outside = part >= _MOSTLY
    # Averaged with padding, the outermost tissue would look denser than it is, or thinner.
    means = np.where(outside, filler, (mixed - part * filler) / np.maximum(1.0 - part, 1.0 - _MOSTLY))
    return presentation_image(np.asarray(means, dtype=np.float32), header, outside)


def sweep_input(
    image: FloatImage, mask: NDArray[np.bool_], box: tuple[int, int, int, int], at: WindowScale
) -> FloatImage:
    """Local contrast of the breast's box with half a window of margin, so that every window centre lies in the box.

    `image` 0..1 at the scale `at`; `mask` (without the film's edge) and `box` at the coarse one. Outside the mask and
    outside the image tissue is mirrored.
    """
    times = round(COARSE.millimetres / at.millimetres)
    if times > 1:
        size = (image.shape[1], image.shape[0])
        enlarged = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        mask = np.asarray(enlarged, dtype=np.bool_)
    x0, y0, x1, y1 = (times * place for place in box)
    margin = BOX_SIDE // 2
    # More than the windows need, so that the local mean at the cut is that of the whole image.
    reach = at.side // 2 + margin
    height, width = (_round_up(length, times * _CELL) for length in (y1 - y0, x1 - x0))
    left, top = max(0, x0 - reach), max(0, y0 - reach)
    right, bottom = min(image.shape[1], x0 + width + reach), min(image.shape[0], y0 + height + reach)
    filled = fill_outside(image[top:bottom, left:right], mask[top:bottom, left:right])
    borders = (top - (y0 - reach), y0 + height + reach - bottom, left - (x0 - reach), x0 + width + reach - right)
    padded = cv2.copyMakeBorder(filled, *borders, borderType=cv2.BORDER_REFLECT_101)
    contrast = local_contrast(np.asarray(padded, dtype=np.float32))
    return np.ascontiguousarray(contrast[margin:-margin, margin:-margin])


def _round_up(length: int, unit: int) -> int:
    return -(-length // unit) * unit


def _reduced(stored: NDArray[np.integer], scale: Scale) -> FloatImage:
    # OpenCV averages 8 and 16 bit integers without a copy; other widths go through float.
    if stored.dtype not in (np.uint8, np.uint16, np.int16):
        return _resized(stored.astype(np.float32), scale.x, scale.y)
    return _resized(stored, scale.x, scale.y)


def _resized(image: NDArray[np.generic], across: float, down: float) -> FloatImage:
    size = (max(1, round(image.shape[1] * across)), max(1, round(image.shape[0] * down)))
    method = cv2.INTER_AREA if min(across, down) < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.asarray(image), size, interpolation=method), dtype=np.float32)
