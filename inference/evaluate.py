"""Evaluation of the shipped (or another) model on labelled folders: `evaluate(data_dir)`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference import metrics
from inference.card import read_model_info
from inference.classes import CLASSES
from inference.metrics import Predictions
from inference.predict import row_probabilities
from inference.sweep import SweepModel
from inference.training.labels import LabelsUnusable, Row, read_labels
from preprocessing.errors import ImageRefused


def evaluate(
    data_dir: Path,
    *,
    model_dir: Path | None = None,
    threads: int | None = None,
    draws: int = metrics.DRAWS,
    progress: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Any]:
    """Read every image that a `labels.csv` below `data_dir` names, in OpenVINO, and compute the figures.

    Returns the shape of `evaluate --json`: `model_version`, `n`, `patients`, `counts`, `lesion_malignancy_auroc`,
    `lesion_balanced_accuracy`, `balanced_accuracy`, `macro_f1`, `ece`, `brier` (each {"value", "ci95"} or None when
    the data can't tell), `per_class`, `confusion_matrix` (rows truth); and beside it `left_out` (sentences) and
    `area_only_auroc`, what crop area alone would score. Thumb-nails are left out: they can't show a lesion. Raises
    LabelsUnusable, ModelUnusable.
    """
    model = read_model_info(model_dir)
    sweep = SweepModel(model_dir, threads)
    rows = read_labels(data_dir)
    left_out: list[str] = []
    read: list[Row] = []
    probabilities: list[Any] = []
    areas: list[int] = []
    for place, row in enumerate(rows):
        if row.kind == "thumb":
            left_out.append(f"{row.path.name}: a thumb-nail, too coarse to show a lesion.")
            continue
        try:
            answer, area = row_probabilities(sweep, model, row)
        except ImageRefused as refusal:
            left_out.append(f"{row.path.name}: {refusal}")
            continue
        read.append(row)
        probabilities.append(answer)
        areas.append(area)
        if place % 200 == 199:
            progress(f"{place + 1} of {len(rows)} images read.")
    if not read:
        raise LabelsUnusable(f"No image below {data_dir} could be evaluated; {left_out[0] if left_out else ''}")
    given = Predictions(
        np.stack(probabilities),
        np.asarray([CLASSES.index(row.label) for row in read], dtype=np.int64),
        np.asarray([row.patient_id for row in read], dtype=np.str_),
        np.asarray(areas, dtype=np.float64),
    )
    return {"model_version": model.version, **figures(given, draws=draws), "left_out": left_out}


def figures(given: Predictions, *, draws: int = metrics.DRAWS) -> dict[str, Any]:
    """All figures of predictions, with patient-clustered bootstrap intervals."""
    asked: Sequence[tuple[str, metrics.Figure]] = (
        ("lesion_malignancy_auroc", metrics.lesion_malignancy_auroc),
        ("lesion_balanced_accuracy", metrics.lesion_balanced_accuracy),
        ("balanced_accuracy", metrics.balanced_accuracy),
        ("macro_f1", metrics.macro_f1),
        ("ece", metrics.expected_calibration_error),
        ("brier", metrics.brier),
    )
    return {
        "n": len(given.truth),
        "patients": len(np.unique(given.patients)),
        "counts": {name: int((given.truth == place).sum()) for place, name in enumerate(CLASSES)},
        **{name: metrics.with_interval(figure, given, draws=draws) for name, figure in asked},
        "per_class": metrics.per_class(given),
        "confusion_matrix": metrics.confusion_matrix(given).tolist(),
        "area_only_auroc": {
            "calcification": area_only(given, (1, 3)),
            "mass": area_only(given, (2, 4)),
        },
    }


def area_only(given: Predictions, classes: tuple[int, int]) -> float | None:
    """Malignancy AUROC of the crop's area alone, among one type of lesion: what the network has to beat."""
    part = given.part(np.isin(given.truth, classes) & (given.areas > 0))
    return metrics.auroc(part.truth >= 3, part.areas)
