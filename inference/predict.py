"""Probabilities of labelled images, by the same graph and the same windows as in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference.card import ModelInfo
from inference.classes import CLASSES
from inference.crops import Crop, read_crop, reading_places, windows_at
from inference.findings import peak_scores
from inference.sweep import SweepModel, combined
from inference.sweeping_engine import interpret, smoothed_sweep
from inference.training.labels import Row, grey
from preprocessing.patches import SCALES
from preprocessing.prepare import PreparedImage, prepare, prepare_values, readable_positions
from preprocessing.views import ImageIdentity

_UNKNOWN: Final = ImageIdentity(None, None, (), "read", None, None)


def crop_logits(sweep: SweepModel, crop: Crop) -> NDArray[np.float32]:
    """The logits of a crop at each scale (2, 5): the mean over its windows."""
    means = []
    for scale in SCALES:
        contrast = crop.contrast[scale.name]
        windows = windows_at(contrast, reading_places(contrast, scale), scale.side)
        means.append(sweep.window_logits(windows, scale).mean(axis=0))
    return np.stack(means)


@dataclass(frozen=True)
class Answer:
    """Five `probabilities`; of a crop also its `logits` at each scale (2, 5), `area` and `shorter_side` in pixels.

    `peaks`: of a full view, the lesion scores (0..1) of all places that stand out, strongest first; what is marked are
    those from the operating point on.
    """

    probabilities: NDArray[np.float64]
    logits: NDArray[np.float32] | None
    area: int
    shorter_side: int
    peaks: Sequence[float] = ()


def row_answer(sweep: SweepModel, model: ModelInfo, row: Row) -> Answer:
    """What the model says of one labelled image: a crop is read in windows, a full view in a sweep.

    Raises PictureUnreadable when a picture file can't be read, and ImageRefused when a full view shows no breast or a
    DICOM file can't be read.
    """
    dicom = _is_dicom(row.path)
    if dicom or row.kind == "full":
        return _full_view(sweep, model, prepare(row.path) if dicom else prepare_values(grey(row.path), Dataset()))
    pixels = grey(row.path)
    logits = crop_logits(sweep, read_crop(pixels))
    probabilities = combined(logits, model.calibration).astype(np.float64)
    return Answer(probabilities, logits, pixels.size, min(pixels.shape))


def _is_dicom(path: Path) -> bool:
    """By its ending, or by the four letters after the preamble (PS3.10 7.1): files from a PACS often have no ending."""
    if path.suffix.lower() == ".dcm":
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _full_view(sweep: SweepModel, model: ModelInfo, prepared: PreparedImage) -> Answer:
    """A full view's pooled probabilities, as the gateway would report them."""
    smoothed = smoothed_sweep(sweep, prepared, model.calibration)
    result = interpret(prepared, smoothed, model, sop_instance_uid="", identity=_UNKNOWN)
    pooled = result.probabilities
    probabilities = np.asarray([pooled[name] if pooled else 0.2 for name in CLASSES], dtype=np.float64)
    return Answer(probabilities, None, 0, 0, peak_scores(smoothed, readable_positions(prepared)))
