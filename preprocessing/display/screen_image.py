"""One mammogram cut to the breast, as a viewer wants it: lossless pixels, windows, a preview."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from preprocessing.breast_mask import find_breast
from preprocessing.decode import decode_pixels
from preprocessing.display.codestream import Codestream, encode
from preprocessing.display.overview import Overview, overview
from preprocessing.display.windows import Window, rescale_of, windows_of
from preprocessing.errors import NoBreastFound, UnsupportedPhotometric
from preprocessing.geometry import Scale, pixel_spacing
from preprocessing.header import text_of
from preprocessing.intensity import without_padding
from preprocessing.pixel_format import pixel_format, read_dataset
from preprocessing.prepare import reduced_presentation

PREVIEW_SIDE: Final = 512
"""Pixels on the preview's longer side, at most."""
_PREVIEW_QUALITY: Final = 80
_MASK_SIDE: Final = 512
_SAMPLED: Final = 4
_SQUARE: Final = 0.01


@dataclass(frozen=True)
class ScreenImage:
    """`box`: (column, row, width, height) of what is served in the stored image of `stored` (rows, columns) pixels.

    `bits` of the stored pixels; `monochrome1`: low values are shown bright. `pixel_spacing`: millimetres, or None.
    `pixel_sha256`: of the pixels that the codestream holds, uint16, little endian, row by row. `preview`: a WebP.
    """

    box: tuple[int, int, int, int]
    stored: tuple[int, int]
    bits: int
    monochrome1: bool
    pixel_spacing: float | None
    windows: tuple[Window, ...]
    codestream: Codestream
    pixel_sha256: str
    preview: bytes
    overview: Overview


def screen_image(source: Path | Dataset) -> ScreenImage:
    """Decode an image and prepare it. Raises ImageRefused (one of its causes) with a sentence for people.

    An image in which no breast is found is served whole: people may still look at what was refused.
    """
    header = read_dataset(source)
    layout = pixel_format(header)
    if layout.bits_stored > 16:
        raise UnsupportedPhotometric(f"The image has {layout.bits_stored} bits a pixel; at most 16 can be shown.")
    stored = decode_pixels(header)
    box = breast_box(stored, header)
    column, row, width, height = box
    part = stored[row : row + height, column : column + width]
    # Signed values are raised so that the lowest one becomes 0; the windows are raised with them.
    offset = 1 << (layout.bits_stored - 1) if layout.signed else 0
    served = np.ascontiguousarray(part.astype(np.int32) + offset if offset else part, dtype="<u2")
    rescale = rescale_of(header, offset)
    sample = without_padding(part, header)[::_SAMPLED, ::_SAMPLED].astype(np.int32) + offset
    windows = windows_of(header, rescale, sample)
    # A negative slope turns dark and bright round once more.
    monochrome1 = (text_of(header, "PhotometricInterpretation") == "MONOCHROME1") is not (rescale.slope < 0)
    return ScreenImage(
        box=box,
        stored=(layout.rows, layout.columns),
        bits=layout.bits_stored,
        monochrome1=monochrome1,
        pixel_spacing=_square_spacing(header),
        windows=windows,
        codestream=encode(served),
        pixel_sha256=hashlib.sha256(served.tobytes()).hexdigest(),
        preview=preview(served, windows[0], inverted=monochrome1),
        overview=overview(served),
    )


def breast_box(stored: NDArray[np.integer[Any]], header: Dataset) -> tuple[int, int, int, int]:
    """Return (column, row, width, height) around the breast in stored pixels, or the whole where none is found."""
    rows, columns = stored.shape
    factor = min(1.0, _MASK_SIDE / max(rows, columns))
    small = reduced_presentation(stored, header, Scale(factor, factor, known=False))
    try:
        x0, y0, x1, y1 = find_breast(small).box
    except NoBreastFound:
        return 0, 0, columns, rows
    across, down = columns / small.shape[1], rows / small.shape[0]
    left, top = math.floor(x0 * across), math.floor(y0 * down)
    right, bottom = min(columns, math.ceil(x1 * across)), min(rows, math.ceil(y1 * down))
    return left, top, right - left, bottom - top


def preview(served: NDArray[np.uint16], window: Window, *, inverted: bool) -> bytes:
    """Render with a window, 8 bits, at most `PREVIEW_SIDE` pixels on the longer side, as WebP."""
    rows, columns = served.shape
    factor = min(1.0, PREVIEW_SIDE / max(rows, columns))
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    shown = window.shown(np.asarray(cv2.resize(served, size, interpolation=cv2.INTER_AREA)))
    grey = np.round((1.0 - shown if inverted else shown) * 255.0).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(grey).save(written, "WEBP", quality=_PREVIEW_QUALITY)
    return written.getvalue()


def _square_spacing(header: Dataset) -> float | None:
    spacing = pixel_spacing(header)
    if spacing is None or abs(spacing[0] - spacing[1]) > _SQUARE * spacing[0]:
        return None
    return spacing[1]
