"""The figures of a run, from its test patches."""

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from inference import metrics
from inference.classes import CLASSES
from inference.metrics import Predictions
from inference.reference.patch_set import PatchSet
from inference.reference.run import RunSettings
from inference.reference.split import PARTS, Parts, siblings

FIRST_MALIGNANT: Final = 3
"""Classes 3 and 4 are the malignant ones."""


def accuracy(given: Predictions) -> float | None:
    """Part of the patches called by their own class."""
    return float((given.probabilities.argmax(axis=1) == given.truth).mean()) if len(given.truth) else None


def malignant_sensitivity(given: Predictions) -> float | None:
    """Part of the malignant patches called malignant, calcification or mass."""
    malignant = given.part(given.truth >= FIRST_MALIGNANT)
    if not len(malignant.truth):
        return None
    return float((malignant.probabilities.argmax(axis=1) >= FIRST_MALIGNANT).mean())


def lesion_accuracy(given: Predictions) -> float | None:
    """Part of the patches with a lesion called by their own class, all five answers allowed."""
    return accuracy(given.part(given.truth > 0))


FIGURES: Final[dict[str, metrics.Figure]] = {
    "accuracy": accuracy,
    "balanced_accuracy": metrics.balanced_accuracy,
    "macro_f1": metrics.macro_f1,
    "malignant_sensitivity": malignant_sensitivity,
    "lesion_accuracy": lesion_accuracy,
}


def figures_of_run(
    answers: metrics.Floats, patches: PatchSet, parts: Parts, settings: RunSettings, parameters: int, *, draws: int
) -> dict[str, Any]:
    """Everything that is said of a run; `answers` (n, 5) are the probabilities of the test patches.

    Each figure is {"value", "ci95"} with an interval from `draws` bootstrap draws of patients (None when there are too
    few), or None when the test patches can't tell. `constant_answer`: accuracy of always saying the class most common
    in training.
    """
    test = parts["test"]
    truth = patches.labels[test]
    patients = np.asarray([patches.patches[one].patient_id for one in test], dtype=np.str_)
    given = Predictions(answers, truth, patients, np.zeros(len(test)))
    most_common = int(np.bincount(patches.labels[parts["training"]], minlength=len(CLASSES)).argmax())
    return {
        **asdict(settings),
        "parameters": parameters,
        "patches": patches.fingerprint,
        "n": len(test),
        **{name: metrics.with_interval(figure, given, draws=draws) for name, figure in FIGURES.items()},
        "constant_answer": round(float((truth == most_common).mean()), 4),
        "constant_answer_class": CLASSES[most_common],
        "confusion_matrix": metrics.confusion_matrix(given).tolist(),
        "siblings": siblings(patches, parts),
        "parts": {name: _part(patches, parts, name) for name in PARTS},
        "left_out": list(patches.left_out),
    }


def _part(patches: PatchSet, parts: Parts, name: Any) -> dict[str, Any]:
    members = parts[name]
    labels = np.bincount(patches.labels[members], minlength=len(CLASSES))
    return {
        "patches": len(members),
        "patients": len({patches.patches[one].patient_id for one in members}),
        "of_each_class": {label: int(labels[place]) for place, label in enumerate(CLASSES)},
    }
