"""The pictures to learn from: lesion crops, quiet tissue in large ones, normal film views, and crops cut from those.

A crop smaller than a window is filled up with its reflection. Were normal tissue never cut that small, a reflection
alone would say "lesion": version 0.3.0 marked the chest wall, where a sweep sees one. So every normal film also gives
crops of the sizes that lesion crops have.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.classes import ClassName
from inference.crops import Crop, GreyPixels, Places, brightness, read_crop
from inference.training.films import MASK_REDUCTION, breast_of_film, filled_film, places_in_breast
from inference.training.labels import PictureUnreadable, Row, grey
from preprocessing.normalise import FloatImage, local_contrast
from preprocessing.patches import COARSE, SCALES, spot_energy

Origin = Literal["lesion", "lesion film", "film normal", "film normal cut", "normal crop"]
Shape = tuple[int, int]
"""Rows and columns in scan pixels."""

_SMALLEST_FULL_VIEW: Final = 4000
"""Long side of a full view scanned at film resolution; anything smaller isn't at the scale of the crops."""
_NORMAL_PLACES: Final = 120
_CUTS: Final = 60
"""Crops cut from a normal film; the last third is held for reading."""
_CUTS_TO_LEARN: Final = 40
_LARGEST_CUT: Final = 1024
_TISSUE_IN_A_CUT: Final = 0.95


@dataclass(frozen=True)
class Sample:
    """One picture's contrast at each scale (by name) and what its windows show.

    `reduced`: the grey values (0..1) that the contrast was measured in, for a crop; empty for a whole film. `places`:
    (x, y) in coarse pixels where a window shows the label; empty where the whole crop does. `origin`: "lesion", "film
    normal" (a full view without a lesion), "film normal cut" (a crop of one), "lesion film" (normal tissue in a large
    calcification crop, far from its bright spots) or "normal crop". `area`: of the crop in scan pixels, 0 for normal
    tissue. `use`: what its windows are for.
    """

    contrast: dict[str, FloatImage]
    reduced: dict[str, FloatImage]
    places: Places
    label: ClassName
    patient_id: str
    pixel_hash: str
    origin: Origin
    area: int
    shorter_side: int
    path: Path
    use: Literal["both", "learn", "read"] = "both"


def is_normal_film(row: Row) -> bool:
    """Whether a row names a whole normal view at film resolution, as far as the row can say.

    The two PNGs among the film normals had pieces of the breast's edge cut out.
    """
    return row.kind == "full" and row.label == "normal" and row.path.suffix != ".png"


def lesion_shapes(rows: Sequence[Row]) -> list[Shape]:
    """The sizes of the lesion crops among `rows` that are no larger than 1,024 scan pixels; read from their headers.

    Raises PictureUnreadable.
    """
    shapes: list[Shape] = []
    for row in rows:
        if row.kind == "crop" and row.label != "normal":
            try:
                with Image.open(row.path) as picture:
                    columns, lines = picture.size
            except (OSError, Image.DecompressionBombError) as error:
                raise PictureUnreadable(f"{row.path} can't be read as an image: {error}") from error
            if max(lines, columns) <= _LARGEST_CUT:
                shapes.append((lines, columns))
    return shapes


def read_samples(rows: Sequence[Row], shapes: Sequence[Shape], told: Callable[[str], None]) -> Iterator[Sample]:
    """Read the images of `rows` one by one; what can't be used is left out, and `told` gets a sentence about it.

    `shapes`: sizes of the crops that normal films give. Raises PictureUnreadable.
    """
    for row in rows:
        pixels = grey(row.path)
        if row.kind == "crop":
            yield from _from_crop(row, pixels, told)
        elif not is_normal_film(row) or max(pixels.shape) < _SMALLEST_FULL_VIEW:
            told(f"Left out: {row.path.name} (a full view that isn't a whole normal film scan).")
        else:
            yield from _from_full_view(row, pixels, shapes)


def _from_crop(row: Row, pixels: GreyPixels, told: Callable[[str], None]) -> Iterator[Sample]:
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
    row: Row, pixels: GreyPixels, crop: Crop, places: Places, label: ClassName, origin: Origin, area: int
) -> Sample:
    shorter = min(pixels.shape)
    return Sample(
        crop.contrast, crop.reduced, places, label, row.patient_id, _hash(pixels), origin, area, shorter, row.path
    )


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


def _from_full_view(row: Row, pixels: GreyPixels, shapes: Sequence[Shape]) -> Iterator[Sample]:
    film = brightness(pixels)
    breast = breast_of_film(film)
    contrast = {scale.name: local_contrast(filled_film(film, breast, scale)) for scale in SCALES}
    places = places_in_breast(breast, _NORMAL_PLACES)
    hashed = _hash(pixels)
    yield Sample(contrast, {}, places, "normal", row.patient_id, hashed, "film normal", 0, min(pixels.shape), row.path)
    generator = np.random.default_rng(len(shapes))
    cuts = _cuts(pixels, breast, shapes, generator)
    for number, cut in enumerate(cuts):
        sample = _sample(row, cut, read_crop(cut), (), "normal", "film normal cut", 0)
        yield replace(sample, pixel_hash=hashed, use="learn" if number < _CUTS_TO_LEARN else "read")


def _cuts(
    pixels: GreyPixels, breast: NDArray[np.bool_], shapes: Sequence[Shape], generator: np.random.Generator
) -> Iterator[GreyPixels]:
    """Crops of a film that lie in the breast; fewer where the breast has no room for a size."""
    rows, columns = np.nonzero(breast)
    for _ in range(_CUTS if shapes else 0):
        height, width = shapes[int(generator.integers(len(shapes)))]
        for _ in range(20):
            place = int(generator.integers(len(rows)))
            top = round(rows[place] / MASK_REDUCTION) - height // 2
            left = round(columns[place] / MASK_REDUCTION) - width // 2
            if top < 0 or left < 0 or top + height > pixels.shape[0] or left + width > pixels.shape[1]:
                continue
            lower, right = (math.ceil(end * MASK_REDUCTION) for end in (top + height, left + width))
            part = breast[int(top * MASK_REDUCTION) : lower, int(left * MASK_REDUCTION) : right]
            if part.mean() >= _TISSUE_IN_A_CUT:
                yield pixels[top : top + height, left : left + width]
                break


def _hash(pixels: GreyPixels) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
