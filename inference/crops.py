"""A lesion crop of a film scan: its local contrast at both scales, and the windows that stand for it.

The places are chosen without knowing what the crop shows: its middle, and in a crop much larger than the window also
four places towards its corners and its brightest spots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocessing.normalise import FloatImage, local_contrast
from preprocessing.patches import SCALES, Placement, WindowScale, bright_places, cut_window

_ROOM: Final = 0.25
"""Part of the window's side by which a crop must be longer, each way, before one window isn't enough."""
_FLAT: Final = 0.01
"""Deviation of grey values (0..1) below which a crop shows nothing."""
_TOWARDS_CORNERS: Final = 0.45
_BRIGHTEST: Final = 2
TURNS: Final = 4
"""Windows a place: as it is and mirrored along either axis and both."""

GreyPixels = NDArray[np.uint8] | NDArray[np.uint16]
Place = tuple[float, float]
Places = tuple[Place, ...]


@dataclass(frozen=True)
class Crop:
    """One picture at each of `SCALES`, by name (2-D float32 0..1): local contrast and the grey values it was measured
    in; and the deviation of its grey values."""

    contrast: dict[str, FloatImage]
    reduced: dict[str, FloatImage]
    deviation: float

    @property
    def shows_nothing(self) -> bool:
        """Whether the grey values hardly differ."""
        return self.deviation < _FLAT


def brightness(pixels: GreyPixels) -> FloatImage:
    """Grey values of 8 or 16 bits (2-D) as 0..1, float32."""
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def read_crop(pixels: GreyPixels) -> Crop:
    """Reduce film scan pixels (2-D, 43-50 um) to both scales, and measure local contrast."""
    grey = brightness(pixels)
    reduced = {scale.name: reduced_film(grey, scale) for scale in SCALES}
    return Crop({name: local_contrast(image) for name, image in reduced.items()}, reduced, float(grey.std()))


def reduced_film(grey: FloatImage, scale: WindowScale) -> FloatImage:
    """A film scan (2-D float32 0..1) at `scale`."""
    size = tuple(max(8, round(length * scale.of_film)) for length in (grey.shape[1], grey.shape[0]))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def reading_places(contrast: FloatImage, scale: WindowScale) -> Places:
    """Where the windows are centred by which a crop is read: one, or up to seven in a large crop."""
    height, width = contrast.shape
    middle = ((width - 1) / 2, (height - 1) / 2)
    room = (max(0.0, (width - scale.side) / 2), max(0.0, (height - scale.side) / 2))
    if max(room) <= _ROOM * scale.side:
        return (middle,)
    corners = tuple(
        (middle[0] + across * room[0], middle[1] + down * room[1])
        for across in (-_TOWARDS_CORNERS, _TOWARDS_CORNERS)
        for down in (-_TOWARDS_CORNERS, _TOWARDS_CORNERS)
    )
    return (middle, *corners, *bright_places(contrast, _BRIGHTEST, scale.side // 2))


def windows_at(contrast: FloatImage, places: Sequence[Place], side: int, shift: float = 0.0) -> list[FloatImage]:
    """The window at each place and its three mirror images, `TURNS` in all.

    Cut on the pixel grid, as the sweep sees the image; `shift` moves them off it (0.5 = half a pixel, which blurs).
    """
    windows: list[FloatImage] = []
    for x, y in places:
        centre = (float(np.floor(x)) + 0.5 + shift, float(np.floor(y)) + 0.5 + shift)
        window = cut_window(contrast, Placement(centre), side)
        turned = (window[:, ::-1], window[::-1], window[::-1, ::-1])
        windows += [window, *(np.ascontiguousarray(one) for one in turned)]
    return windows
