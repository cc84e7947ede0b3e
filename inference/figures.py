"""All the figures of predictions, each with its interval: what `evaluate` prints and the card holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import metrics
from inference.classes import CLASSES
from inference.metrics import Predictions
from preprocessing.patches import COARSE, FINE


def figures(given: Predictions, *, draws: int = metrics.DRAWS) -> dict[str, Any]:
    """The figures that any labelled images allow, with patient-clustered bootstrap intervals."""
    lesions = given.part(given.truth > 0)
    asked: Sequence[tuple[str, metrics.Figure, Predictions]] = (
        ("lesion_malignancy_auroc", metrics.lesion_malignancy_auroc, lesions),
        ("lesion_balanced_accuracy", metrics.lesion_balanced_accuracy, lesions),
        ("balanced_accuracy", metrics.balanced_accuracy, given),
        ("macro_f1", metrics.macro_f1, given),
        ("ece", metrics.expected_calibration_error, given),
        ("brier", metrics.brier, given),
        ("class_wise_ece", metrics.class_wise_calibration_error, given),
    )
    return {
        "n": len(given.truth),
        "patients": len(np.unique(given.patients)),
        "counts": {name: int((given.truth == place).sum()) for place, name in enumerate(CLASSES)},
        **{name: metrics.with_interval(figure, images, draws=draws) for name, figure, images in asked},
        "per_class": metrics.per_class(given),
        "confusion_matrix": metrics.confusion_matrix(given).tolist(),
        "area_only_auroc": {
            "calcification": area_only(given, (1, 3)),
            "mass": area_only(given, (2, 4)),
        },
    }


def lesion_figures(given: Predictions, shorter_sides: NDArray[np.int64], draws: int) -> dict[str, Any]:
    """Malignant against benign by type, by patient, and where the crop's size helps less.

    `given` holds lesion crops only; `shorter_sides` (n,) are theirs in scan pixels. Size is never taken out altogether,
    so area alone stands beside each figure that is meant to be without it: within size strata, on crops that fill the
    fine window without padding ("unpadded"; most don't fill the coarse one), and on those that fill both.
    """
    unpadded = shorter_sides >= FINE.side / FINE.of_film
    at_both = unpadded & (shorter_sides >= COARSE.side / COARSE.of_film)

    def on(
        chosen: NDArray[np.bool_], figure: metrics.Figure = metrics.lesion_malignancy_auroc
    ) -> dict[str, Any] | None:
        return metrics.with_interval(figure, given.part(chosen), draws=draws)

    everything = np.ones(len(given.truth), dtype=np.bool_)
    by_patient = metrics.lesions_of_patients(given) if len(given.truth) else given
    return {
        "lesion_malignancy_auroc_calcification": on(np.isin(given.truth, (1, 3))),
        "lesion_malignancy_auroc_mass": on(np.isin(given.truth, (2, 4))),
        "lesion_malignancy_auroc_unpadded": on(unpadded),
        "area_only_auroc_unpadded": on(unpadded, metrics.lesion_area_auroc),
        "unpadded_crops": int(unpadded.sum()),
        "lesion_malignancy_auroc_unpadded_at_both_scales": on(at_both),
        "area_only_auroc_unpadded_at_both_scales": on(at_both, metrics.lesion_area_auroc),
        "unpadded_crops_at_both_scales": int(at_both.sum()),
        "lesion_malignancy_auroc_views_of_a_patient_averaged": metrics.with_interval(
            metrics.lesion_malignancy_auroc, by_patient, draws=draws
        ),
        "lesion_malignancy_auroc_within_size_strata": on(everything, metrics.within_size_strata),
        "area_only_auroc_within_size_strata": on(everything, metrics.area_within_size_strata),
    }


def marks_per_view(
    peaks: Sequence[Sequence[float]], thresholds: Mapping[str, float], most: int | None = None
) -> dict[str, float]:
    """Marks a view on average at each threshold (by its name), no more than `most` of them counted in one view.

    `peaks`: of each view the lesion scores (0..1) of all places that stand out. There is at least one view.
    """
    return {
        name: round(sum(len([peak for peak in view if peak >= threshold][:most]) for view in peaks) / len(peaks), 4)
        for name, threshold in thresholds.items()
    }


def area_only(given: Predictions, classes: tuple[int, int]) -> float | None:
    """Malignancy AUROC of the crop's area alone, among one type of lesion: what the network has to beat."""
    return metrics.lesion_area_auroc(given.part(np.isin(given.truth, classes)))
