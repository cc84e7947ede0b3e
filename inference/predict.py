"""Probabilities of labelled images, by the same graph and the same windows as in use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference.card import ModelInfo
from inference.classes import CLASSES
from inference.embedded import interpret
from inference.sweep import SweepModel, softmax
from inference.training.labels import LabelsUnusable, Row
from inference.training.samples import Sample, crop_sample
from preprocessing.normalise import FloatImage
from preprocessing.patches import Placement, cut_with_margin, window_contrast
from preprocessing.prepare import PreparedImage, prepare, prepare_values
from preprocessing.views import ImageIdentity

_BATCH: Final = 32
_UNKNOWN: Final = ImageIdentity(None, None, (), "read", None, None)


def crop_windows(sample: Sample, shift: float = 0.0) -> list[FloatImage]:
    """The windows that stand for a crop: its places, each as it is, mirrored, upside down and both.

    Cut on the pixel grid, as the sweep sees the image; `shift` moves them off it (0.5 = half a pixel, which blurs).
    """
    windows: list[FloatImage] = []
    for x, y in sample.places:
        place = (float(np.floor(x)) + 0.5 + shift, float(np.floor(y)) + 0.5 + shift)
        window = window_contrast(cut_with_margin(sample.image, Placement(place)))
        windows += [window, window[:, ::-1], window[::-1], window[::-1, ::-1]]
    return windows


def window_logits(sweep: SweepModel, windows: Sequence[FloatImage]) -> NDArray[np.float32]:
    """Logits (n, 5) of windows."""
    parts = [
        sweep.logits(np.stack(windows[start : start + _BATCH]))[:, 0, 0] for start in range(0, len(windows), _BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(CLASSES)), dtype=np.float32)


def crop_probabilities(
    sweep: SweepModel, samples: Sequence[Sample], temperature: float, shift: float = 0.0
) -> NDArray[np.float64]:
    """Five probabilities a crop (n, 5): the mean over its windows."""
    return pooled_windows(crop_logits(sweep, samples, shift), temperature)


def crop_logits(sweep: SweepModel, samples: Sequence[Sample], shift: float = 0.0) -> list[NDArray[np.float32]]:
    """The logits (windows, 5) of each crop's windows; the first is its middle or brightest place as it is."""
    windows: list[FloatImage] = []
    ends: list[int] = []
    for sample in samples:
        windows += crop_windows(sample, shift)
        ends.append(len(windows))
    return np.split(window_logits(sweep, windows), ends[:-1]) if ends else []


def pooled_windows(logits: Sequence[NDArray[np.float32]], temperature: float) -> NDArray[np.float64]:
    """The mean over each crop's windows of their probabilities: (n, 5)."""
    means = [softmax(one, temperature).astype(np.float64).mean(axis=0) for one in logits]
    return np.stack(means) if means else np.zeros((0, len(CLASSES)))


def row_probabilities(sweep: SweepModel, model: ModelInfo, row: Row) -> tuple[NDArray[np.float64], int]:
    """Five probabilities of one labelled image, and the crop's area in pixels (0 for a full view).

    A crop is read in windows, a full view in a sweep. Raises LabelsUnusable when the file can't be read, and
    ImageRefused when a full view shows no breast.
    """
    if row.path.suffix.lower() == ".dcm" or row.kind == "full":
        prepared = prepare(row.path) if row.path.suffix.lower() == ".dcm" else prepare_values(grey(row.path), Dataset())
        return full_probabilities(sweep, model, prepared), 0
    sample = crop_sample(row, grey(row.path))
    return crop_probabilities(sweep, [sample], model.calibration.temperature)[0], sample.area


def full_probabilities(sweep: SweepModel, model: ModelInfo, prepared: PreparedImage) -> NDArray[np.float64]:
    """A full view's pooled probabilities, as the gateway would report them."""
    probabilities = softmax(sweep.logits(prepared.contrast), model.calibration.temperature)
    result = interpret(prepared, probabilities, model, sop_instance_uid="", identity=_UNKNOWN)
    pooled = result.probabilities
    return np.asarray([pooled[name] if pooled else 0.2 for name in CLASSES], dtype=np.float64)


def grey(path: Path) -> NDArray[np.uint8]:
    """An 8-bit picture file as grey values. Raises LabelsUnusable."""
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise LabelsUnusable(f"{path} is named in labels.csv but can't be read as an image.")
    return np.asarray(pixels, dtype=np.uint8)
