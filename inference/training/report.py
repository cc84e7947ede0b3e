"""Every figure of the cross-validation, from held-out answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import metrics, probes
from inference.evaluate import figures
from inference.metrics import Predictions
from inference.training.answers import Answers
from preprocessing.patches import FINE

NORMALS = {
    "a woman left out": "film normal",
    "the same, all windows shifted by half a pixel": "film normal shifted",
    "tissue of the lesion films outside the bright spots": "lesion film",
}


def report(answers: Answers, given: Predictions, draws: int) -> dict[str, Any]:
    """Figures of `given`, the calibrated probabilities of `answers`; normals are a woman left out and film tissue."""
    lesion = answers.origins == "lesion"
    counted = answers.origins != "film normal shifted"
    return {
        **figures(given.part(counted), draws=draws),
        **_lesion_figures(answers.part(lesion), given.part(lesion), draws),
        "lesion_class_wise_ece": metrics.with_interval(
            metrics.class_wise_calibration_error, given.part(lesion), draws=draws
        ),
        "normal_recall": {name: _recall(given.part(answers.origins == origin)) for name, origin in NORMALS.items()},
        "normal_recall_of_each_woman": _each_woman(answers, given),
        "macro_f1_with_normals": {
            name: metrics.with_interval(
                metrics.macro_f1, given.part(lesion | (answers.origins == origin)), draws=draws
            )
            for name, origin in NORMALS.items()
        },
        **_probes(answers),
    }


def _lesion_figures(answers: Answers, given: Predictions, draws: int) -> dict[str, Any]:
    unpadded = answers.shorter_sides >= FINE.side / FINE.of_film

    def on(chosen: NDArray[np.bool_]) -> dict[str, Any] | None:
        return metrics.with_interval(metrics.lesion_malignancy_auroc, given.part(chosen), draws=draws)

    return {
        "lesion_malignancy_auroc_calcification": on(np.isin(given.truth, (1, 3))),
        "lesion_malignancy_auroc_mass": on(np.isin(given.truth, (2, 4))),
        "lesion_malignancy_auroc_unpadded": on(unpadded),
        "unpadded_crops": int(unpadded.sum()),
        "lesion_malignancy_auroc_views_of_a_patient_averaged": metrics.with_interval(
            metrics.lesion_malignancy_auroc, metrics.lesions_of_patients(given), draws=draws
        ),
        "lesion_malignancy_auroc_within_size_strata": metrics.with_interval(
            metrics.within_size_strata, given, draws=draws
        ),
        "lesion_malignancy_auroc_of_each_fold": [
            _rounded(metrics.lesion_malignancy_auroc(given.part(answers.fold == fold)))
            for fold in np.unique(answers.fold)
        ],
    }


def _recall(normals: Predictions) -> dict[str, Any] | None:
    if not len(normals.truth):
        return None
    return {"value": round(float((normals.probabilities.argmax(axis=1) == 0).mean()), 4), "windows": len(normals.truth)}


def _each_woman(answers: Answers, given: Predictions) -> list[float]:
    film = answers.origins == "film normal"
    women: Sequence[str] = sorted(set(answers.patients[film]))
    recalls = (_recall(given.part(film & (answers.patients == woman))) for woman in women)
    return [recall["value"] for recall in recalls if recall is not None]


def _probes(answers: Answers) -> dict[str, Any]:
    logits = answers.logits.reshape(len(answers.logits), -1).astype(np.float64)
    lesion = answers.origins == "lesion"
    tissue = np.isin(answers.origins, ("film normal", "lesion film"))
    size = probes.size_probe(logits[lesion], answers.areas[lesion], answers.patients[lesion])
    film = answers.origins[tissue] == "film normal"
    source = probes.source_probe(logits[tissue], film, answers.patients[tissue])
    return {
        "size_probe_r2": _rounded(size),
        "source_probe_auroc_of_each_woman": [_rounded(value) for value in source],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
