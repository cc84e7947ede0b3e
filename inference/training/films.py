"""Whole normal films: their breast, their tissue at each scale, and small pictures set into it.

A lesion crop is smaller than most windows. Filled up with its reflection it looks like no film; set into the tissue of
a normal one it looks as it will in a sweep. Normal crops are set into other films in the same way, so that the seam
says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.crops import Place, Places, brightness, reduced_film
from inference.training.labels import Row, grey
from preprocessing.breast_mask import find_breast
from preprocessing.normalise import BOX_SIDE, FloatImage, fill_outside, inside_film, local_contrast
from preprocessing.patches import COARSE, SCALES, Placement, WindowScale, cut_window

MASK_REDUCTION: Final = 0.125
"""The breast is sought at an eighth of the scan."""
_PLACES: Final = 200
_SEAM: Final = 0.2
"""Width of the seam as a part of the picture's shorter side."""
_GAIN: Final = (0.7, 1.6)


def breast_of_film(film: FloatImage) -> NDArray[np.bool_]:
    """The breast in a film scan (2-D, 0..1), at `MASK_REDUCTION`."""
    small = cv2.resize(film, None, fx=MASK_REDUCTION, fy=MASK_REDUCTION, interpolation=cv2.INTER_AREA)
    return find_breast(np.asarray(small, dtype=np.float32)).mask


def filled_film(film: FloatImage, breast: NDArray[np.bool_], scale: WindowScale) -> FloatImage:
    """The film at `scale`, what lies outside the breast and on the film's edge replaced by mirrored tissue."""
    image = reduced_film(film, scale)
    size = (image.shape[1], image.shape[0])
    mask = cv2.resize(breast.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return fill_outside(image, inside_film(np.asarray(mask, dtype=np.bool_), scale.millimetres))


def places_in_breast(breast: NDArray[np.bool_], count: int) -> Places:
    """Up to `count` places (x, y) of the breast, in coarse pixels; the same mask gives the same ones."""
    rows, columns = np.nonzero(breast)
    chosen = np.random.default_rng(len(rows)).choice(len(rows), min(len(rows), count), replace=False)
    times = COARSE.of_film / MASK_REDUCTION
    return tuple((float(columns[i]) * times, float(rows[i]) * times) for i in chosen)


@dataclass(frozen=True)
class Film:
    """One normal film: whose it is, its tissue (0..1) at each scale by name, and places in the breast."""

    patient_id: str
    tissue: dict[str, FloatImage]
    places: Places


def read_films(rows: Sequence[Row]) -> list[Film]:
    """The films that small pictures are set into. Raises PictureUnreadable."""
    films: list[Film] = []
    for row in rows:
        film = brightness(grey(row.path))
        breast = breast_of_film(film)
        tissue = {scale.name: filled_film(film, breast, scale) for scale in SCALES}
        films.append(Film(row.patient_id, tissue, places_in_breast(breast, _PLACES)))
    return films


def set_into(
    film: Film, picture: FloatImage, scale: WindowScale, generator: np.random.Generator
) -> tuple[FloatImage, Place]:
    """The local contrast of `picture` (2-D, 0..1, at `scale`) amid the tissue of a place in `film`, and its middle.

    The picture's rim is brought to the deviation of the tissue that it replaces, and all of it by a smooth field to
    that tissue's brightness along the rim; across a seam one goes over into the other.
    """
    height, width = picture.shape
    x, y = film.places[int(generator.integers(len(film.places)))]
    times = COARSE.millimetres / scale.millimetres
    # As far around as a window may look and its contrast be measured.
    side = max(height, width) + 2 * (scale.side + BOX_SIDE // 2)
    around = cut_window(film.tissue[scale.name], Placement((x * times, y * times)), side).copy()
    top, left = (side - height) // 2, (side - width) // 2
    replaced = around[top : top + height, left : left + width]
    seam = max(3, round(_SEAM * min(height, width)))
    rim = np.ones(picture.shape, dtype=np.bool_)
    rim[seam:-seam, seam:-seam] = False
    gain = float(np.clip(replaced.std() / (picture[rim].std() + 1e-3), *_GAIN))
    fitted = picture * gain
    fitted = fitted + _spread_inwards(replaced - fitted, rim)
    share = _rising(height, seam)[:, None] * _rising(width, seam)[None, :]
    around[top : top + height, left : left + width] = share * fitted + (1.0 - share) * replaced
    return local_contrast(around), (left + (width - 1) / 2, top + (height - 1) / 2)


def _spread_inwards(difference: FloatImage, rim: NDArray[np.bool_]) -> FloatImage:
    """A smooth field over the whole picture that follows `difference` along its rim."""
    height, width = rim.shape
    size = (max(8, width // 4), max(8, height // 4))
    near = rim.astype(np.float32)
    known, weight = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (difference * near, near))
    blur = (0, 0), 0.2 * min(size)
    field = cv2.GaussianBlur(known, *blur) / (cv2.GaussianBlur(weight, *blur) + 1e-4)
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _rising(length: int, seam: int) -> FloatImage:
    """From 0 at both ends to 1 within `seam` pixels, without a kink."""
    depth = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    part = np.clip(depth / seam, 0.0, 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part), dtype=np.float32)
