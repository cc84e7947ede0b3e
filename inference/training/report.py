"""Every figure of the cross-validation, from held-out answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import metrics, probes
from inference.figures import figures, lesion_figures
from inference.metrics import Predictions
from inference.training.answers import Answers

NORMALS = {
    "a woman left out": "film normal",
    "the same, all windows shifted by half a pixel": "film normal shifted",
    "the same, cut as small as lesion crops": "film normal cut",
    "tissue of the lesion films outside the bright spots": "lesion film",
}


def report(answers: Answers, given: Predictions, draws: int) -> dict[str, Any]:
    """Figures of `given`, the calibrated probabilities of `answers`; normals are a woman left out and film tissue."""
    lesion = answers.origins == "lesion"
    counted = counted_once(answers)
    return {
        **figures(given.part(counted), draws=draws),
        **lesion_figures(given.part(lesion), answers.shorter_sides[lesion], draws),
        "lesion_malignancy_auroc_of_each_fold": [
            _rounded(metrics.lesion_malignancy_auroc(given.part(lesion & (answers.fold == fold))))
            for fold in np.unique(answers.fold)
        ],
        "lesion_class_wise_ece": metrics.with_interval(
            metrics.class_wise_calibration_error, given.part(lesion), draws=draws
        ),
        "normal_recall": {name: _recall(given.part(answers.origins == origin)) for name, origin in NORMALS.items()},
        "normal_recall_of_each_woman": _each_woman(answers, given),
        "macro_f1_with_normals": {
            name: metrics.with_interval(metrics.macro_f1, given.part(lesion | (answers.origins == origin)), draws=draws)
            for name, origin in NORMALS.items()
        },
        **_probes(answers),
    }


def counted_once(answers: Answers) -> NDArray[np.bool_]:
    """Without the normals that are there a second time: shifted, or cut small."""
    return ~np.isin(answers.origins, ("film normal shifted", "film normal cut"))


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
