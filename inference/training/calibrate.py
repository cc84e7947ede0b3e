"""Temperature and operating points, chosen on held-out training patients only."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.classes import CLASSES
from inference.metrics import Predictions
from inference.pooling import as_probabilities, lesion_score, odds_ratio, smooth_map
from inference.sweep import softmax

_TEMPERATURES: Final = np.geomspace(0.4, 4.0, 120)
_MARKS_AN_IMAGE: Final = 1.0
_QUIET_WINDOWS_MARKED: Final = 0.05
_HIGH_BENIGN, _MEDIUM_BENIGN = 0.10, 0.40
"""Part of held-out benign lesions whose malignancy score reaches the attention threshold."""
_APART: Final = 3


def best_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature with the least negative log-likelihood of windows (n, 5), every class weighing the same."""
    counts = np.bincount(truth, minlength=len(CLASSES))
    weights = 1.0 / counts[truth]
    losses = []
    for temperature in _TEMPERATURES:
        probabilities = softmax(logits, float(temperature))
        losses.append(float(-(weights * np.log(probabilities[np.arange(len(truth)), truth] + 1e-9)).sum()))
    return round(float(_TEMPERATURES[int(np.argmin(losses))]), 3)


def peaks(probabilities: NDArray[np.float32], readable: NDArray[np.bool_]) -> list[float]:
    """All local maxima of the lesion score in one sweep that could become marks, strongest first."""
    score = lesion_score(smooth_map(probabilities, readable))
    remaining = np.where(readable, score, np.float32(0.0)).astype(np.float32)
    found: list[float] = []
    while True:
        _, peak, _, (column, row) = cv2.minMaxLoc(remaining)
        if peak <= 0.0:
            return found
        found.append(float(peak))
        remaining[max(0, row - _APART) : row + _APART + 1, max(0, column - _APART) : column + _APART + 1] = 0.0


def mark_threshold(peaks_of_normals: Sequence[Sequence[float]], quiet_scores: NDArray[np.float64]) -> float:
    """The operating point: at most one mark an image on held-out normal films, and at most every twentieth window
    of normal tissue marked in held-out films with lesions (another kind of film than the normals); the higher of both.
    """
    candidates = [0.5]
    every = sorted((peak for image in peaks_of_normals for peak in image), reverse=True)
    allowed = int(_MARKS_AN_IMAGE * len(peaks_of_normals))
    if len(every) > allowed:
        candidates.append(every[allowed] + 1e-4)
    if len(quiet_scores):
        candidates.append(float(np.quantile(quiet_scores, 1.0 - _QUIET_WINDOWS_MARKED)))
    return round(min(max(candidates), 0.9999), 5)


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
