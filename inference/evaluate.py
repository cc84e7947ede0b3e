"""Evaluation of the shipped (or another) model on labelled folders: `evaluate(data_dir)`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import metrics, probes
from inference.card import ModelInfo, read_model_info
from inference.classes import CLASSES
from inference.figures import figures, lesion_figures, marks_per_view
from inference.findings import MOST_FINDINGS
from inference.metrics import Predictions
from inference.predict import Answer, row_answer
from inference.sweep import SweepModel
from inference.training.labels import LabelsUnusable, PictureUnreadable, Row, read_labels
from preprocessing.errors import ImageRefused

_REASONS = {
    "lesion_malignancy_auroc": "malignant against benign: the lesions are all of one kind, or there are none",
    "lesion_balanced_accuracy": "the four lesion classes: not all four are there",
    "balanced_accuracy": "five classes: not all five are there",
    "macro_f1": "five classes: not all five are there",
    "marks_per_normal_view": "marks where there is nothing: no whole view labelled normal",
    "source_probe_auroc": "the source probe: normal crops of one folder only, or too few patients",
    "size_probe_r2": "the size probe: fewer than ten patients with lesion crops",
    "lesion_malignancy_auroc_unpadded": "crops that fill the fine window: none, or all of one kind",
    "lesion_malignancy_auroc_unpadded_at_both_scales": "crops that fill both windows: none, or all of one kind",
    "lesion_malignancy_auroc_within_size_strata": "within size strata: the lesions are all of one kind, or too few",
}


@dataclass(frozen=True)
class Evaluation:
    """`figures`: what `evaluate --json` prints. `given`, `rows`, `answers`: one an image, in the same order."""

    figures: dict[str, Any]
    given: Predictions
    rows: Sequence[Row]
    answers: Sequence[Answer]


def evaluate(
    data_dir: Path,
    *,
    model_dir: Path | None = None,
    threads: int | None = None,
    draws: int = metrics.DRAWS,
    progress: Callable[[str], None] = lambda sentence: None,
) -> Evaluation:
    """Read every image that a `labels.csv` below `data_dir` names, in OpenVINO, and compute the figures.

    The figures have the shape of `evaluate --json`: `model_version`, `n`, `patients`, `counts`,
    `lesion_malignancy_auroc`, `lesion_balanced_accuracy`, `balanced_accuracy`, `macro_f1`, `ece`, `brier` (each
    {"value", "ci95"} or None when the data can't tell; "ci95" is None when there are too few patients), `per_class`,
    `confusion_matrix` (rows truth); and beside it what size and source alone tell, `cannot_tell` and `left_out`
    (sentences). Left out are thumb-nails, which can't show a lesion, files that can't be read, and views that the
    gateway would refuse. Raises LabelsUnusable, ModelUnusable.
    """
    model = read_model_info(model_dir)
    sweep = SweepModel(model_dir, threads)
    rows = read_labels(data_dir)
    left_out: list[str] = []
    read: list[Row] = []
    answers: list[Answer] = []
    for place, row in enumerate(rows):
        if row.kind == "thumb":
            left_out.append(f"{row.path.name}: a thumb-nail, too coarse to show a lesion.")
            continue
        try:
            answers.append(row_answer(sweep, model, row))
        except ImageRefused as refusal:
            left_out.append(f"{row.path.name}: {refusal}")
            continue
        except PictureUnreadable as refusal:
            left_out.append(str(refusal))
            continue
        read.append(row)
        if place % 200 == 199:
            progress(f"{place + 1} of {len(rows)} images read.")
    if not read:
        reason = left_out[0] if left_out else "no labels.csv there has a row below its header."
        raise LabelsUnusable(f"No image below {data_dir} could be evaluated: {reason}")
    given = Predictions(
        np.stack([answer.probabilities for answer in answers]),
        np.asarray([CLASSES.index(row.label) for row in read], dtype=np.int64),
        np.asarray([row.patient_id for row in read], dtype=np.str_),
        np.asarray([answer.area for answer in answers], dtype=np.float64),
    )
    told: dict[str, Any] = {"model_version": model.version, **figures(given, draws=draws)}
    told |= _of_crops(given, answers, read, draws)
    told |= _marks(given, answers, model)
    told["cannot_tell"] = sorted({reason for name, reason in _REASONS.items() if told[name] in (None, [])})
    told["left_out"] = left_out
    return Evaluation(told, given, read, answers)


def _marks(given: Predictions, answers: Sequence[Answer], model: ModelInfo) -> dict[str, Any]:
    """Marks on whole views labelled normal, on average, at the operating point and at the card's other thresholds.

    The keys are "operating point" and "1", "2", "4": how many marks the threshold let through on held-out normal films.
    All places from the threshold on are counted; a gateway reports `MOST_FINDINGS` of an image at most, and what it
    would have reported stands beside. None without such a view.
    """
    of_views = [(answer, truth) for answer, truth in zip(answers, given.truth, strict=True) if answer.logits is None]
    peaks = [answer.peaks for answer, truth in of_views if truth == 0]
    point = {"operating point": model.operating_points.mark}
    return {
        "marks_per_normal_view": marks_per_view(peaks, point | model.card.get("marks_an_image", {})) if peaks else None,
        "marks_per_normal_view_reported": marks_per_view(peaks, point, MOST_FINDINGS) if peaks else None,
    }


def _of_crops(given: Predictions, answers: Sequence[Answer], rows: Sequence[Row], draws: int) -> dict[str, Any]:
    crop = np.asarray([answer.logits is not None for answer in answers])
    lesion = crop & (given.truth > 0)
    sides = np.asarray([answer.shorter_side for answer in answers], dtype=np.int64)
    size = probes.size_probe(_flat(answers, lesion), given.areas[lesion], given.patients[lesion])
    sources = np.asarray([str(row.path.parent) for row in rows])
    normal = crop & (given.truth == 0)
    first = sources == (sources[normal][0] if normal.any() else "")
    found = probes.source_probe(_flat(answers, normal), first[normal], given.patients[normal])
    return {
        **lesion_figures(given.part(lesion), sides[lesion], draws),
        "size_probe_r2": None if size is None else round(size, 4),
        "source_probe_auroc": [round(value, 4) for value in found],
    }


def _flat(answers: Sequence[Answer], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    flat = [
        answer.logits.ravel() for answer, use in zip(answers, chosen, strict=True) if use and answer.logits is not None
    ]
    return np.stack(flat).astype(np.float64) if flat else np.zeros((0, 2 * len(CLASSES)))
