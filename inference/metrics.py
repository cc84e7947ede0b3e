"""Figures of a classifier, each with an interval from resampling patients.

Crops of one patient resemble each other, so the bootstrap draws patients, not images (Field and Welsh 2007). A figure
the data can't tell is None, never 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from inference.classes import CLASSES

DRAWS: Final = 2000
FEWEST_PATIENTS: Final = 5
"""With fewer, draws hardly differ: of one patient they are all the same, and the interval would have no width."""
_BINS: Final = 15
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """`probabilities` (n, 5), `truth` (n,) class numbers, `patients` (n,) names, `areas` (n,) of crops in pixels."""

    probabilities: Floats
    truth: Ints
    patients: NDArray[np.str_]
    areas: Floats

    def part(self, chosen: NDArray[Any]) -> "Predictions":
        """The chosen rows (a boolean mask or row numbers)."""
        return Predictions(self.probabilities[chosen], self.truth[chosen], self.patients[chosen], self.areas[chosen])


Figure = Callable[[Predictions], float | None]


def auroc(positive: NDArray[np.bool_], score: Floats) -> float | None:
    """Area under the ROC curve by ranks, ties counted half; None without both kinds."""
    ones = int(positive.sum())
    zeros = len(positive) - ones
    if not ones or not zeros:
        return None
    _, where, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def malignancy_share(probabilities: Floats) -> Floats:
    """Malignant among the lesion classes: what is left when normal is set aside."""
    lesions = probabilities[:, 1:].sum(axis=1)
    return np.asarray(probabilities[:, 3:].sum(axis=1) / np.maximum(lesions, 1e-12), dtype=np.float64)


def lesion_malignancy_auroc(given: Predictions) -> float | None:
    """Malignant against benign, among lesions only."""
    lesions = given.part(given.truth > 0)
    return auroc(lesions.truth >= 3, malignancy_share(lesions.probabilities))


def lesion_balanced_accuracy(given: Predictions) -> float | None:
    """Mean recall of the four lesion classes, choosing among the four; None unless all four are there."""
    lesions = given.part(given.truth > 0)
    return _mean_recall(lesions.truth - 1, lesions.probabilities[:, 1:])


def balanced_accuracy(given: Predictions) -> float | None:
    """Mean recall of the five classes; None unless all five are there."""
    return _mean_recall(given.truth, given.probabilities)


def macro_f1(given: Predictions) -> float | None:
    """Mean F1 of the five classes; None unless all five are there."""
    if len(np.unique(given.truth)) < len(CLASSES):
        return None
    matrix = confusion_matrix(given)
    right = np.diag(matrix).astype(np.float64)
    return float(np.mean(2 * right / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)))


def expected_calibration_error(given: Predictions) -> float | None:
    """Top-label ECE in 15 equal bins (Guo et al. 2017)."""
    if not len(given.truth):
        return None
    confidence = given.probabilities.max(axis=1)
    right = (given.probabilities.argmax(axis=1) == given.truth).astype(np.float64)
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((right - confidence)[bins == place].sum())) for place in range(_BINS)]
    return sum(gaps) / len(given.truth)


def class_wise_calibration_error(given: Predictions) -> float | None:
    """ECE of each class's probability in 15 equal bins, averaged over the classes (Kull et al. 2019)."""
    if not len(given.truth):
        return None
    total = 0.0
    for place in range(len(CLASSES)):
        probability = given.probabilities[:, place]
        happened = (given.truth == place).astype(np.float64)
        bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
        total += float(np.abs(np.bincount(bins, happened - probability, _BINS)).sum())
    return total / (len(given.truth) * len(CLASSES))


def brier(given: Predictions) -> float | None:
    """Mean squared distance of the five probabilities from the truth, 0..2 (Brier 1950)."""
    if not len(given.truth):
        return None
    truth = np.eye(len(CLASSES))[given.truth]
    return float(((given.probabilities - truth) ** 2).sum(axis=1).mean())


def confusion_matrix(given: Predictions) -> Ints:
    """Counts (5, 5): rows truth, columns the most likely class."""
    matrix = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(matrix, (given.truth, given.probabilities.argmax(axis=1)), 1)
    return matrix


def per_class(given: Predictions) -> dict[str, dict[str, float | None]]:
    """One against the rest for each class: sensitivity, specificity, AUROC."""
    matrix = confusion_matrix(given)
    total = int(matrix.sum())
    figures: dict[str, dict[str, float | None]] = {}
    for place, name in enumerate(CLASSES):
        mine, called = int(matrix[place].sum()), int(matrix[:, place].sum())
        right = int(matrix[place, place])
        others = total - mine
        figures[name] = {
            "sensitivity": right / mine if mine else None,
            "specificity": (others - (called - right)) / others if others else None,
            "auroc": auroc(given.truth == place, given.probabilities[:, place]),
        }
    return figures


_LEANS_UP: Final = frozenset({expected_calibration_error, class_wise_calibration_error})
"""Figures that grow by resampling alone: they add up the sizes of gaps, and every draw widens the gaps."""


def with_interval(figure: Figure, given: Predictions, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Any] | None:
    """{"value", "ci95": [low, high]} from `draws` patient-clustered bootstrap draws, or None.

    "ci95" is None when `given` has fewer than `FEWEST_PATIENTS` patients; it counts them all, so give it those images
    only that the figure is of. The interval is that of the draws' percentiles. For the two calibration errors the draws
    are shifted first so that their mean is the value, and cut at 0: a draw has the noise of the sample and that of
    drawing from it, so its gaps are wider than the sample's, and the value would lie below its own interval. The value
    leans up too, by the sample's own noise: calibrated perfectly, a few hundred images still get an error of some
    hundredths.
    """
    value = figure(given)
    if value is None:
        return None
    names, cluster = np.unique(given.patients, return_inverse=True)
    if len(names) < FEWEST_PATIENTS:
        return {"value": round(value, 4), "ci95": None}
    members = [np.flatnonzero(cluster == place) for place in range(len(names))]
    generator = np.random.default_rng(seed)
    again: list[float | None] = []
    for _ in range(draws):
        rows = np.concatenate([members[int(place)] for place in generator.integers(len(names), size=len(names))])
        again.append(figure(given.part(rows)))
    drawn = np.asarray([one for one in again if one is not None], dtype=np.float64)
    if not len(drawn):
        return {"value": round(value, 4), "ci95": None}
    if figure in _LEANS_UP:
        drawn = np.maximum(drawn - drawn.mean() + value, 0.0)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": round(value, 4), "ci95": [round(float(low), 4), round(float(high), 4)]}


def _mean_recall(truth: Ints, probabilities: Floats) -> float | None:
    classes = probabilities.shape[1]
    if len(np.unique(truth)) < classes:
        return None
    called = probabilities.argmax(axis=1)
    return float(np.mean([(called[truth == place] == place).mean() for place in range(classes)]))


def lesion_area_auroc(given: Predictions) -> float | None:
    """Malignant against benign by the crop's area alone, larger more malignant: what a network has to beat."""
    lesions = given.part((given.truth > 0) & (given.areas > 0))
    return auroc(lesions.truth >= 3, lesions.areas)


def within_size_strata(given: Predictions) -> float | None:
    """Malignancy AUROC inside sextiles of crop area of each type, weighted by pairs.

    Crop size helps less here, but it still helps, for the crops of a sextile differ too: see `area_within_size_strata`.
    """
    return _in_strata(given, malignancy_share(given.probabilities))


def area_within_size_strata(given: Predictions) -> float | None:
    """The same by the crop's area alone."""
    return _in_strata(given, given.areas)


def _in_strata(given: Predictions, score: Floats) -> float | None:
    pairs, total = 0.0, 0.0
    for classes in ((1, 3), (2, 4)):
        rows = np.flatnonzero(np.isin(given.truth, classes))
        for stratum in np.array_split(rows[np.argsort(given.areas[rows], kind="stable")], 6):
            malignant = given.truth[stratum] >= 3
            value = auroc(malignant, score[stratum])
            if value is not None:
                weight = float(malignant.sum() * (~malignant).sum())
                pairs, total = pairs + value * weight, total + weight
    return pairs / total if total else None


def lesions_of_patients(given: Predictions) -> Predictions:
    """Lesions of one patient and class averaged: CC and MLO of a lesion become one."""
    keys = [f"{patient}|{label}" for patient, label in zip(given.patients, given.truth, strict=True)]
    names, where = np.unique(np.asarray(keys), return_inverse=True)
    first = [int(np.flatnonzero(where == place)[0]) for place in range(len(names))]
    means = np.stack([given.probabilities[where == place].mean(axis=0) for place in range(len(names))])
    return Predictions(means, given.truth[first], given.patients[first], given.areas[first])
