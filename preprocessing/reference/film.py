"""From a film scan to the reference's cleaned film: mask, largest object, holes, opening, trimming, contrast.

Two steps are kept because they are published, and do harm. Otsu's threshold on plain intensity cuts the skin side of
dense breasts off. Trimming 7 % from each side takes the chest wall with it: in P_00820 of CBIS-DDSM, left CC, the
cancer's box is columns 0 to 145 and the cut goes at 183. `preprocessing.breast_mask` does neither.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from preprocessing.breast_mask import largest_object, without_holes
from preprocessing.errors import NoBreastFound
from preprocessing.geometry import MILLIMETRES, training_scale

Grey = NDArray[np.uint8]
"""A picture of 0..255, tissue bright."""
Mask = NDArray[np.uint8]
"""A picture of 0 and 1."""

FILM_MILLIMETRES: Final = 0.045
"""Side of a film pixel: films were scanned at 43.5 or 50 um. A film whose header says nothing is taken for one."""
OPENING_SIDE: Final = 15
TRIMMED_PART: Final = 0.07
_EDGE_PART: Final = 0.01
_EDGE_DEPTH: Final = 3
_EDGE_SHARE: Final = 0.25
_CLIP_LIMIT: Final = 2.0
_GRID: Final = (8, 8)
_DARKEST, _BRIGHTEST = 0.5, 99.5


@dataclass(frozen=True)
class CleanedFilm:
    """Every step, for the pictures; patches are cut from `trimmed`, whose top left corner is (`left`, `top`).

    `film`, `masked`, `trimmed`, `contrast` are 0..255; `otsu`, `largest`, `filled`, `opened`, `breast` are 0 and 1,
    `breast` being `opened` with the trimming applied. `edges_show` says whether anything was trimmed.
    """

    film: Grey
    otsu: Mask
    largest: Mask
    filled: Mask
    opened: Mask
    masked: Grey
    edges_show: bool
    left: int
    top: int
    trimmed: Grey
    breast: Mask
    contrast: Grey


def clean_film(film: Grey) -> CleanedFilm:
    """All steps in the published order. Raises NoBreastFound for a film of one grey value or of specks alone."""
    otsu = otsu_mask(film)
    largest = largest_object(otsu)
    filled = without_holes(largest)
    opened = opening(filled)
    if not opened.any():
        raise NoBreastFound("The film shows no breast: nothing in it is larger than a speck; check what was sent.")
    masked = np.where(opened > 0, film, np.uint8(0))
    edges_show = film_edges_show(otsu)
    left, top = trimmed_corner(film.shape) if edges_show else (0, 0)
    inner = (slice(top, film.shape[0] - top), slice(left, film.shape[1] - left))
    return CleanedFilm(
        film=film,
        otsu=otsu,
        largest=largest,
        filled=filled,
        opened=opened,
        masked=masked,
        edges_show=edges_show,
        left=left,
        top=top,
        trimmed=masked[inner],
        breast=opened[inner],
        contrast=raised_contrast(masked[inner]),
    )


def to_film_scale(film: Grey, header: Dataset) -> Grey:
    """Resample to 0.045 mm a pixel, so that 512 pixels are 23 mm of tissue whatever the device.

    Where the header gives no pixel size, a long side of 3,600 pixels or more is a film scan and stays as it is.
    Raises ImageTooSmall.
    """
    scale = training_scale(header, *film.shape)
    across, down = (part * MILLIMETRES / FILM_MILLIMETRES for part in (scale.x, scale.y))
    size = (max(1, round(film.shape[1] * across)), max(1, round(film.shape[0] * down)))
    if all(abs(part - 1.0) < 0.01 for part in (across, down)):
        return film
    method = cv2.INTER_AREA if min(across, down) < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(film, size, interpolation=method), dtype=np.uint8)


def otsu_mask(film: Grey) -> Mask:
    """What is brighter than Otsu's threshold (IEEE Trans SMC 9, 1979)."""
    _, above = cv2.threshold(film, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(above, dtype=np.uint8)


def opening(mask: Mask, side: int = OPENING_SIDE) -> Mask:
    """Morphological opening with a square of `side` pixels: what is thinner goes."""
    kernel = np.ones((side, side), dtype=np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), dtype=np.uint8)


def film_edges_show(otsu: Mask) -> bool:
    """Whether a bright line runs along a quarter or more of any side: bright at the very edge, dark just inside.

    The paper says that films whose edges show are trimmed, not how that was decided; this is our reading of it.
    """
    strip = max(1, round(min(otsu.shape) * _EDGE_PART))
    for turned in (otsu, otsu[::-1], otsu.T, otsu.T[::-1]):
        outermost, inside = turned[:strip].mean(axis=0) > 0.5, turned[_EDGE_DEPTH * strip] > 0
        if float((outermost & ~inside).mean()) >= _EDGE_SHARE:
            return True
    return False


def trimmed_corner(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many columns and rows (left, top) are trimmed from each side of a film of `shape` (rows, columns)."""
    return int(shape[1] * TRIMMED_PART), int(shape[0] * TRIMMED_PART)


def raised_contrast(picture: Grey) -> Grey:
    """Stretch between the .5 and 99.5 percentiles of what isn't black, then CLAHE (8 x 8 fields, clip limit 2).

    The paper says that contrast is raised, not by which method; contrast limited adaptive histogram equalisation
    (Zuiderveld 1994) is the usual one for mammograms. Films and patches go through this same function.
    """
    seen = picture[picture > 0]
    if not seen.size:
        return picture
    low, high = np.percentile(seen, (_DARKEST, _BRIGHTEST))
    if high <= low:
        return picture
    levels = np.clip((np.arange(256, dtype=np.float32) - low) * (255.0 / (high - low)), 0, 255)
    levels[0] = 0
    stretched = cv2.LUT(picture, levels.astype(np.uint8))
    return np.asarray(cv2.createCLAHE(_CLIP_LIMIT, _GRID).apply(stretched), dtype=np.uint8)
