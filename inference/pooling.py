"""From a map of probabilities to one image's five, and what a study makes of its views.

There are no whole films with lesions to train on, so the image's answer is a documented pooling, not a trained head:
the strongest place decides. The map is first averaged over each position and its eight neighbours (9 mm): a speck of
dust on the film convinces one window, a lesion all that hold it. Let `odds` be the lesion score's odds at the strongest
place over the odds at the operating point, and q the four lesion probabilities there. Then the weights are q for the
lesion classes and max(q) / odds for normal, normalised. So the label is a lesion class exactly when some place is
marked, and normal with no marks otherwise.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.classes import CLASSES, ClassName
from inference.results import Probabilities

Map = NDArray[np.float32]

_EDGE: Final = 1e-4


def smooth_map(probabilities: Map, readable: NDArray[np.bool_]) -> Map:
    """Average each position of a map (rows, columns, 5) with its neighbours on the breast; normal elsewhere."""
    weight = readable.astype(np.float32)
    shares = cv2.boxFilter(weight, cv2.CV_32F, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    sums = cv2.boxFilter(
        np.ascontiguousarray(probabilities * weight[..., None], dtype=np.float32),
        cv2.CV_32F,
        (3, 3),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )
    counted = np.maximum(np.asarray(shares), 1.0)[..., None]
    smoothed: Map = np.asarray(np.asarray(sums) / counted, dtype=np.float32)
    smoothed[~readable] = np.eye(len(CLASSES), dtype=np.float32)[0]
    return smoothed


def lesion_score(probabilities: Map) -> Map:
    """1 - probability of normal, over the last axis of (..., 5)."""
    return np.asarray(1.0 - probabilities[..., 0], dtype=np.float32)


def odds_ratio(score: float, threshold: float) -> float:
    """Odds of `score` over odds of `threshold`: 1 at the operating point; both are kept off 0 and 1."""
    a, b = (min(max(value, _EDGE), 1.0 - _EDGE) for value in (score, threshold))
    return (a / (1.0 - a)) / (b / (1.0 - b))


def pool_image(probabilities: Map, readable: NDArray[np.bool_], mark: float) -> Probabilities:
    """One image's five probabilities, summing to 1, from its smoothed map (rows, columns, 5).

    `readable` (rows, columns): where windows are centred on the breast. `mark`: the operating point (0..1).
    """
    score = np.where(readable, lesion_score(probabilities), 0.0)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    lesions = probabilities[row, column, 1:].astype(np.float64) + 1e-9
    normal = float(lesions.max()) / odds_ratio(float(score[row, column]), mark)
    return as_probabilities(np.concatenate(([normal], lesions)))


def as_probabilities(weights: NDArray[np.float64]) -> Probabilities:
    """Normalise five non-negative weights so that they sum to 1 within 1e-6."""
    shares = weights / weights.sum()
    return {name: round(float(share), 9) for name, share in zip(CLASSES, shares, strict=True)}


def most_likely(probabilities: Probabilities) -> ClassName:
    """The class with the highest probability; the first in order where two are equal."""
    return max(CLASSES, key=lambda name: probabilities[name])
