"""Images at the training scale, and the places in them where windows are cut."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.classes import ClassName
from inference.training.labels import Row
from preprocessing.breast_mask import find_breast
from preprocessing.normalise import FloatImage, fill_outside
from preprocessing.patches import WINDOW_SIDE, bright_places, spot_energy

SCALE: Final = 0.25
"""Film scans of 43-50 um a pixel become about 180 um a pixel."""
_SMALLEST_FULL_VIEW: Final = 4000
"""Long side of a full view scanned at film resolution; anything smaller isn't at the scale of the crops."""
_FLAT: Final = 0.01
"""Deviation of grey values (0..1) below which a crop shows nothing."""
_LARGE_CROP: Final = WINDOW_SIDE * 5 // 4
_NORMAL_PLACES: Final = 150


@dataclass(frozen=True)
class Sample:
    """One image at the training scale: `image` 2-D float32 0..1, `places` (x, y) where a window may be centred.

    `freedom`: how far (pixels) a training window may stray from its place. `origin`: "lesion", "film normal" (a full
    view without a lesion) or "lesion film" (normal tissue in a large lesion crop, far from its bright spots).
    """

    image: FloatImage
    places: tuple[tuple[float, float], ...]
    freedom: float
    label: ClassName
    patient_id: str
    pixel_hash: str
    origin: str
    area: int
    path: Path


def load_samples(rows: Sequence[Row], told: Callable[[str], None]) -> list[Sample]:
    """Read the images of `rows`; what can't be used is left out, and `told` gets a sentence about it."""
    samples: list[Sample] = []
    for row in rows:
        pixels = cv2.imread(str(row.path), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            raise FileNotFoundError(f"{row.path} is named in labels.csv but can't be read as an image.")
        grey = np.asarray(pixels, dtype=np.uint8)
        if row.kind == "crop":
            sample = crop_sample(row, grey)
            if float(sample.image.std()) < _FLAT:
                told(f"Left out: {row.path.name} (nothing to see in it).")
                continue
            samples.append(sample)
            quiet = _quiet_places(sample.image) if row.label.endswith("calcification") else ()
            if quiet:
                samples.append(replace(sample, places=quiet, freedom=4.0, label="normal", origin="lesion film", area=0))
        elif row.label != "normal" or max(pixels.shape) < _SMALLEST_FULL_VIEW or row.path.suffix == ".png":
            # The two PNGs among the film normals had pieces of the breast's edge cut out.
            told(f"Left out: {row.path.name} (a full view that isn't a whole normal film scan).")
        else:
            samples.append(_from_full_view(row, grey))
    return samples


def to_training_scale(pixels: NDArray[np.uint8]) -> FloatImage:
    """Reduce an 8-bit scan to the training scale, 0..1."""
    size = (max(8, round(pixels.shape[1] * SCALE)), max(8, round(pixels.shape[0] * SCALE)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32) / np.float32(255.0)


def crop_sample(row: Row, pixels: NDArray[np.uint8]) -> Sample:
    """A crop of a film scan, with the places to look at: its middle, or the brightest spots of a large one."""
    image = to_training_scale(pixels)
    height, width = image.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    places: tuple[tuple[float, float], ...] = (centre,)
    freedom = 8.0 + 0.1 * min(height, width)
    if max(height, width) > _LARGE_CROP and row.label.endswith("calcification"):
        places = tuple(bright_places(image, 4)) or places
        freedom = 16.0
    area = pixels.shape[0] * pixels.shape[1]
    return Sample(image, places, freedom, row.label, row.patient_id, _hash(pixels), "lesion", area, row.path)


def _quiet_places(image: FloatImage) -> tuple[tuple[float, float], ...]:
    """Places in a crop of more than 1,024 scan pixels whose window holds little of what makes its brightest places."""
    height, width = image.shape
    if max(height, width) < 1024 * SCALE or min(height, width) < WINDOW_SIDE:
        return ()
    energy = spot_energy(image)
    kernel = np.ones((WINDOW_SIDE, WINDOW_SIDE), dtype=np.uint8)
    worst = cv2.dilate(energy, kernel)
    limit = float(np.percentile(energy, 60))
    half = WINDOW_SIDE // 2
    return tuple(
        (float(x), float(y))
        for y in range(half, height - half + 1, half)
        for x in range(half, width - half + 1, half)
        if worst[y, x] < max(limit, 0.45 * float(energy.max())) and 0.15 < image[y, x] < 0.97
    )


def _from_full_view(row: Row, pixels: NDArray[np.uint8]) -> Sample:
    image = to_training_scale(pixels)
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    breast = find_breast(np.asarray(small, dtype=np.float32))
    mask = cv2.resize(breast.mask.astype(np.uint8), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
    filled = fill_outside(image, mask.astype(bool))
    rows, columns = np.nonzero(mask)
    chosen = np.random.default_rng(len(rows)).choice(len(rows), _NORMAL_PLACES, replace=False)
    places = tuple((float(columns[i]), float(rows[i])) for i in chosen)
    return Sample(filled, places, 24.0, "normal", row.patient_id, _hash(pixels), "film normal", 0, row.path)


def _hash(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
