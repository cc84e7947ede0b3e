"""Calibration and operating points, chosen on held-out training patients only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from inference.card import Calibration
from inference.metrics import Predictions
from inference.pooling import as_probabilities, odds_ratio
from inference.training.answers import Answers

_START: Final = np.asarray([0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
_BOUNDS: Final = [(0.0, 4.0)] * 2 + [(-4.0, 4.0)] * 5
_MARKS_AN_IMAGE: Final = 1.0
_LOWEST: Final = 0.5
_HIGH_BENIGN, _MEDIUM_BENIGN = 0.10, 0.40
"""Part of held-out benign lesions whose malignancy score reaches the attention threshold."""


def best_calibration(answers: Answers) -> Calibration:
    """The weights of the two scales and the shift a class with the highest likelihood of `answers`.

    Lesion classes weigh by the root of their rarity: with the collection's own shares the rare malignant
    calcifications are hardly ever the most likely class (one fold: four-class balanced accuracy .656, with the root
    .710, with full balance .720), and the further from the shares, the worse the calibration. A light pull towards
    half of each scale and no shift keeps it sensible on a handful of answers.
    """
    logits = answers.logits.astype(np.float64)
    rows = np.arange(len(answers.truth))
    weights = _weights(answers.truth)

    def cost(values: NDArray[np.float64]) -> float:
        sums = np.einsum("s,nsc->nc", values[:2], logits) + values[2:]
        likelihood = special.log_softmax(sums, axis=1)[rows, answers.truth]
        return float(-(weights * likelihood).sum() + ((values - _START) ** 2).sum())

    found = np.asarray(optimize.minimize(cost, _START, method="L-BFGS-B", bounds=_BOUNDS).x)
    fine, coarse, *bias = (round(float(value), 4) for value in found)
    return Calibration(weights=(fine, coarse), bias=(bias[0], bias[1], bias[2], bias[3], bias[4]))


def _weights(truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 for normals; lesion classes by the inverse root of their number, 1 on average."""
    weights = np.ones(len(truth))
    lesion = truth > 0
    if lesion.any():
        counts = np.bincount(truth[lesion])
        rarity = 1.0 / np.sqrt(counts[truth[lesion]])
        weights[lesion] = rarity / rarity.mean()
    return weights


def cross_fitted(answers: Answers) -> Predictions:
    """Probabilities of every answer, calibrated on the other folds' answers; with one fold only, on its own."""
    folds = np.unique(answers.fold)
    parts: list[Predictions] = []
    order: list[NDArray[np.int64]] = []
    for fold in folds:
        mine = answers.fold == fold
        calibration = best_calibration(answers.part(~mine) if len(folds) > 1 else answers)
        parts.append(answers.part(mine).predictions(calibration))
        order.append(np.flatnonzero(mine))
    back = np.argsort(np.concatenate(order))
    return Predictions(
        np.concatenate([part.probabilities for part in parts])[back], answers.truth, answers.patients, answers.areas
    )


@dataclass(frozen=True)
class NormalTissue:
    """Of one held-out woman: `scores` (n,) of what could be marked in it, each so many of `marks_each` a view."""

    scores: NDArray[np.float64]
    marks_each: float


def mark_threshold(women: Sequence[NormalTissue], marks: float = _MARKS_AN_IMAGE) -> float:
    """The operating point: the lowest at which women's normal tissue has at most `marks` a view, averaged over women.

    Each woman counts alike, however much of her there is: it is women in whom networks differ. At least `_LOWEST`.
    """
    scores = np.concatenate([woman.scores for woman in women] or [np.zeros(0)])
    shares = np.concatenate([np.full(len(one.scores), one.marks_each / len(women)) for one in women] or [np.zeros(0)])
    order = np.argsort(-scores, kind="stable")
    allowed = int((np.cumsum(shares[order]) <= marks + 1e-9).sum())
    lowest = float(scores[order[allowed]]) + 1e-4 if allowed < len(order) else 0.0
    return round(min(max(lowest, _LOWEST), 0.9999), 5)


def attention_thresholds(lesions: Predictions, mark: float) -> tuple[float, float]:
    """(high, medium): malignancy scores that a tenth, and two fifths, of held-out benign lesions reach."""
    scores = pooled_malignancy(lesions, mark)
    benign = scores[lesions.truth < 3]
    high, medium = np.quantile(benign, (1.0 - _HIGH_BENIGN, 1.0 - _MEDIUM_BENIGN))
    return round(float(high), 4), round(float(medium), 4)


def pooled_malignancy(lesions: Predictions, mark: float) -> NDArray[np.float64]:
    """The malignancy score an image would get whose strongest place looks like these crops (n,)."""
    scores = []
    for probabilities in lesions.probabilities:
        normal = probabilities[1:].max() / odds_ratio(float(1.0 - probabilities[0]), mark)
        pooled = as_probabilities(np.concatenate(([normal], probabilities[1:] + 1e-9)))
        scores.append(pooled["malignant_calcification"] + pooled["malignant_mass"])
    return np.asarray(scores, dtype=np.float64)
