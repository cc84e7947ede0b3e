"""How far the scores of a week lie from those that the model was validated with.

Two figures, both of image malignancy scores (0..1): the population stability index over ten bins, and the two-sample
Kolmogorov-Smirnov statistic with its p-value. Neither says why. The images of one woman resemble each other, so the
p-value is smaller than it should be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS: Final = 10
FEWEST_IMAGES: Final = 200
"""Below this nothing is said: PSI scatters by chance with a mean of (bins - 1) (1/n + 1/m) (Yurdakul, Naranjo 2020)."""
MODERATE, LARGE = 0.1, 0.25
"""PSI from which a shift is called moderate, and large (Siddiqi, Credit Risk Scorecards, 2006)."""
_SMALLEST_PART: Final = 1e-4
"""An empty bin counts as this much, so that the logarithm exists."""
_FINER: Final = 10
"""Points between two of the 101 quantiles, taken for evenly spread."""
_TERMS: Final = 100


@dataclass(frozen=True)
class ValidationScores:
    """What a model card says of the image scores at validation.

    `counts`: in ten equal bins of 0..1. `n`: how many images. `quantiles`: the 0th to the 100th percentile.
    """

    counts: tuple[int, ...]
    n: int
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Drift:
    """PSI (0 and more), the KS statistic (0..1) and its p-value (0..1)."""

    psi: float
    ks: float
    p_value: float


def validation_scores(card: Mapping[str, Any]) -> ValidationScores | None:
    """Return the card's `validation_scores`, or None when it carries none that can be used."""
    found = card.get("validation_scores")
    try:
        counts = tuple(int(count) for count in found["image"])  # type: ignore[index] # anything may stand in a card
        quantiles = tuple(float(value) for value in found["quantiles"])  # type: ignore[index] # likewise
        n = int(found["n"])  # type: ignore[index] # likewise
    except (TypeError, KeyError, ValueError):
        return None
    rising = all(0.0 <= low <= high <= 1.0 for low, high in pairwise(quantiles))
    if len(counts) != BINS or min(counts) < 0 or sum(counts) != n or n < 1 or len(quantiles) != 101 or not rising:
        return None
    return ValidationScores(counts, n, quantiles)


def histogram(scores: ArrayLike) -> tuple[int, ...]:
    """Count scores (0..1) in ten equal bins; 1 belongs to the last."""
    counts, _ = np.histogram(np.asarray(scores, dtype=np.float64), bins=BINS, range=(0.0, 1.0))
    return tuple(int(count) for count in counts)


def drift(scores: Sequence[float], validation: ValidationScores) -> Drift | None:
    """Compare image scores with those of the validation; None when they are too few to tell (200 on each side)."""
    if min(len(scores), validation.n) < FEWEST_IMAGES:
        return None
    # The quantiles stand for the sample: it is not in the card itself.
    places = np.linspace(0.0, 1.0, 100 * _FINER + 1)
    reference = np.interp(places, np.linspace(0.0, 1.0, 101), validation.quantiles)
    statistic = ks_statistic(scores, reference)
    return Drift(
        psi=population_stability_index(histogram(scores), validation.counts),
        ks=statistic,
        p_value=ks_p_value(statistic, len(scores), validation.n),
    )


def population_stability_index(one: Sequence[int], other: Sequence[int]) -> float:
    """Sum of (p - q) ln(p / q) over the bins' shares; 0 for equal shares, the same both ways, never below 0.

    Raises ValueError when one side counts nothing.
    """
    p, q = _shares(one), _shares(other)
    return float(((p - q) * (np.log(p) - np.log(q))).sum())


def ks_statistic(one: ArrayLike, other: ArrayLike) -> float:
    """The largest distance between two empirical distribution functions, 0..1. Raises ValueError on an empty sample."""
    first, second = np.sort(np.asarray(one, np.float64)), np.sort(np.asarray(other, np.float64))
    if not first.size or not second.size:
        raise ValueError("A distribution needs at least one value.")
    steps = np.concatenate([first, second])
    below_first = np.searchsorted(first, steps, side="right") / first.size
    below_second = np.searchsorted(second, steps, side="right") / second.size
    return float(np.abs(below_first - below_second).max())


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """How often chance alone brings a KS statistic as large between samples of `n` and `m` of one distribution.

    Kolmogorov's limiting distribution with the correction for finite samples of Stephens (J R Stat Soc B 32, 1970).
    """
    effective = np.sqrt(n * m / (n + m))
    argument = (effective + 0.12 + 0.11 / effective) * statistic
    if argument < 0.2:  # the series does not converge here, and its sum is 1 to twelve places
        return 1.0
    k = np.arange(1, _TERMS + 1)
    terms = (-1.0) ** (k - 1) * np.exp(-2.0 * (k * argument) ** 2)
    return float(np.clip(2.0 * terms.sum(), 0.0, 1.0))


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    of = np.asarray(counts, dtype=np.float64)
    if of.sum() <= 0:
        raise ValueError("A histogram needs at least one value.")
    return np.asarray(np.maximum(of / of.sum(), _SMALLEST_PART), dtype=np.float64)
