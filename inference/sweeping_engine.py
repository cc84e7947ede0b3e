"""What every engine does: decode, prepare, sweep, and find; engines differ in where the cells come from."""

import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.card import Calibration, ModelInfo
from inference.engine import ViewReading
from inference.findings import find_places
from inference.pooling import most_likely, pool_image, smooth_map
from inference.results import Point, ViewResult
from inference.sweep import SweepModel, combined
from preprocessing.errors import FileUnreadable, ImageRefused, NotAMammogram
from preprocessing.header import text_of
from preprocessing.pixel_format import read_dataset
from preprocessing.prepare import PreparedImage, prepare, readable_positions
from preprocessing.views import ImageIdentity, identify_view

_UNKNOWN_UID: Final = ""


class SweepingEngine:
    """Reads images by sweeping a network over them."""

    def __init__(self, name: str, model: ModelInfo, sweep: SweepModel) -> None:
        self._name = name
        self._model = model
        self._sweep = sweep

    @property
    def name(self) -> str:
        """How reports name this engine."""
        return self._name

    @property
    def model(self) -> ModelInfo:
        """The model that reads."""
        return self._model

    def read(self, path: Path, identity: ImageIdentity | None = None) -> ViewReading:
        """Read one mammogram.

        Raises ImageRefused (one of its causes) with a sentence for people, and what the source of cells raises.
        """
        dataset = read_dataset(path)
        who = identity or identify_view(dataset)
        if who.role != "read":
            raise NotAMammogram(who.reason or "The image isn't one that is read.")
        prepared = prepare(dataset)
        started = time.perf_counter()
        smoothed = smoothed_sweep(self._sweep, prepared, self._model.calibration)
        swept = time.perf_counter()
        uid = text_of(dataset, "SOPInstanceUID")
        result = interpret(prepared, smoothed, self._model, sop_instance_uid=uid, identity=who)
        done = time.perf_counter()
        malignant = np.asarray(smoothed[..., 3] + smoothed[..., 4], dtype=np.float32)
        return ViewReading(
            result=result,
            heat_map=np.clip(malignant, 0.0, 1.0),
            heat_map_extent=_extent(prepared, malignant.shape),
            timings={**prepared.timings, "sweep": swept - started, "findings": done - swept},
        )

    def classify(self, path: Path) -> ViewResult:
        """Read one file for the command line: a refusal becomes the result's `failure` sentence."""
        try:
            return self.read(path).result
        except ImageRefused as refusal:
            return _failure(path, str(refusal))


def smoothed_sweep(sweep: SweepModel, prepared: PreparedImage, calibration: Calibration) -> NDArray[np.float32]:
    """The map (rows, columns, 5) that marks, labels and heat maps are made from: probabilities, smoothed once."""
    return smooth_map(combined(sweep.image_logits(prepared), calibration), readable_positions(prepared))


def interpret(
    prepared: PreparedImage,
    smoothed: NDArray[np.float32],
    model: ModelInfo,
    *,
    sop_instance_uid: str,
    identity: ImageIdentity,
) -> ViewResult:
    """Turn the map of `smoothed_sweep` into what is reported; shared by every engine."""
    readable = readable_positions(prepared)
    mark = model.operating_points.mark

    def to_stored(column: float, row: float) -> Point:
        return prepared.to_stored(*prepared.centre(row, column))

    pooled = pool_image(smoothed, readable, mark)
    return ViewResult(
        sop_instance_uid=sop_instance_uid,
        laterality=identity.laterality,
        view=identity.view,
        label=most_likely(pooled),
        probabilities=pooled,
        findings=find_places(
            smoothed,
            readable,
            mark=mark,
            sop_instance_uid=sop_instance_uid,
            model_version=model.version,
            to_stored=to_stored,
        ),
    )


def _extent(prepared: PreparedImage, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    x0, y0 = prepared.scale.to_stored(*prepared.centre(-0.5, -0.5))
    x1, y1 = prepared.scale.to_stored(*prepared.centre(shape[0] - 0.5, shape[1] - 0.5))
    return x0, y0, x1, y1


def _failure(path: Path, sentence: str) -> ViewResult:
    try:
        dataset = read_dataset(path)
    except FileUnreadable:
        return ViewResult(sop_instance_uid=_UNKNOWN_UID, laterality=None, view=None, failure=sentence)
    who = identify_view(dataset)
    return ViewResult(
        sop_instance_uid=text_of(dataset, "SOPInstanceUID"),
        laterality=who.laterality,
        view=who.view,
        failure=sentence,
    )
