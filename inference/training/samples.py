"""The pictures to learn from: lesion crops, quiet tissue in large ones, and normal film views."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.classes import ClassName
from inference.crops import Crop, Places, read_crop, reduced_film
from inference.training.labels import Row, grey
from preprocessing.breast_mask import find_breast
from preprocessing.normalise import FloatImage, fill_outside, inside_film, local_contrast
from preprocessing.patches import COARSE, SCALES, spot_energy

Origin = Literal["lesion", "lesion film", "film normal", "normal crop"]

_SMALLEST_FULL_VIEW: Final = 4000
"""Long side of a full view scanned at film resolution; anything smaller isn't at the scale of the crops."""
_NORMAL_PLACES: Final = 120
_MASK_REDUCTION: Final = 0.125


@dataclass(frozen=True)
class Sample:
    """One picture's contrast at each scale (by name) and what its windows show.

    `places`: (x, y) in coarse pixels where a window shows the label; empty where the whole crop does. `origin`:
    "lesion", "film normal" (a full view without a lesion), "lesion film" (normal tissue in a large calcification crop,
    far from its bright spots) or "normal crop". `area`: of the crop in scan pixels, 0 for normal tissue.
    """

    contrast: dict[str, FloatImage]
    places: Places
    label: ClassName
    patient_id: str
    pixel_hash: str
    origin: Origin
    area: int
    shorter_side: int
    path: Path


def read_samples(rows: Sequence[Row], told: Callable[[str], None]) -> Iterator[Sample]:
    """Read the images of `rows` one by one; what can't be used is left out, and `told` gets a sentence about it.

    Raises LabelsUnusable for a file that can't be read.
    """
    for row in rows:
        pixels = grey(row.path)
        if row.kind == "crop":
            yield from _from_crop(row, pixels, told)
        elif row.label != "normal" or max(pixels.shape) < _SMALLEST_FULL_VIEW or row.path.suffix == ".png":
            # The two PNGs among the film normals had pieces of the breast's edge cut out.
            told(f"Left out: {row.path.name} (a full view that isn't a whole normal film scan).")
        else:
            yield _from_full_view(row, pixels)


def _from_crop(row: Row, pixels: NDArray[np.uint8], told: Callable[[str], None]) -> Iterator[Sample]:
    crop = read_crop(pixels)
    if crop.shows_nothing:
        told(f"Left out: {row.path.name} (nothing to see in it).")
        return
    normal = row.label == "normal"
    area = 0 if normal else pixels.size
    yield _sample(row, pixels, crop, (), row.label, "normal crop" if normal else "lesion", area)
    quiet = quiet_places(crop.contrast["coarse"]) if row.label.endswith("calcification") else ()
    if quiet:
        yield _sample(row, pixels, crop, quiet, "normal", "lesion film", 0)


def _sample(
    row: Row, pixels: NDArray[np.uint8], crop: Crop, places: Places, label: ClassName, origin: Origin, area: int
) -> Sample:
    shorter = min(pixels.shape)
    return Sample(crop.contrast, places, label, row.patient_id, _hash(pixels), origin, area, shorter, row.path)


def quiet_places(coarse: FloatImage) -> Places:
    """Places in a crop of more than 1,024 scan pixels whose surroundings hold little of what makes its bright places.

    `coarse`: local contrast at the coarse scale. The surroundings are 96 pixels (17 mm) wide.
    """
    side = 96
    height, width = coarse.shape
    if max(height, width) < 1024 * COARSE.of_film or min(height, width) < side:
        return ()
    energy = spot_energy(coarse)
    worst = cv2.dilate(energy, np.ones((side, side), dtype=np.uint8))
    limit = max(float(np.percentile(energy, 60)), 0.45 * float(energy.max()))
    half = side // 2
    return tuple(
        (float(x), float(y))
        for y in range(half, height - half + 1, half)
        for x in range(half, width - half + 1, half)
        if worst[y, x] < limit
    )


def _from_full_view(row: Row, pixels: NDArray[np.uint8]) -> Sample:
    film = pixels.astype(np.float32) / np.float32(255.0)
    small = cv2.resize(film, None, fx=_MASK_REDUCTION, fy=_MASK_REDUCTION, interpolation=cv2.INTER_AREA)
    breast = find_breast(np.asarray(small, dtype=np.float32)).mask
    contrast: dict[str, FloatImage] = {}
    for scale in SCALES:
        image = reduced_film(film, scale)
        size = (image.shape[1], image.shape[0])
        mask = cv2.resize(breast.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        contrast[scale.name] = local_contrast(
            fill_outside(image, inside_film(np.asarray(mask, dtype=np.bool_), scale.millimetres))
        )
    rows, columns = np.nonzero(breast)
    chosen = np.random.default_rng(len(rows)).choice(len(rows), min(len(rows), _NORMAL_PLACES), replace=False)
    times = COARSE.of_film / _MASK_REDUCTION
    places = tuple((float(columns[i]) * times, float(rows[i]) * times) for i in chosen)
    return Sample(
        contrast, places, "normal", row.patient_id, _hash(pixels), "film normal", 0, min(pixels.shape), row.path
    )


def _hash(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
