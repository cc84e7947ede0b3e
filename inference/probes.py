"""What else a network's answers give away: the size of the crop, and which collection the tissue came from.

A figure is only as good as what can't be read from elsewhere. Both probes are ridge regressions on the logits, fitted
on some patients and measured on others.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.metrics import auroc

_PARTS: Final = 5
_RIDGE: Final = 1.0
_FEWEST_PATIENTS: Final = 10
Floats = NDArray[np.float64]


def size_probe(logits: Floats, areas: Floats, patients: NDArray[np.str_]) -> float | None:
    """R squared with which `logits` (n, k) tell the logarithm of the crop's area; None with fewer than 10 patients."""
    if len(np.unique(patients)) < _FEWEST_PATIENTS:
        return None
    target = np.log(areas)
    told = _told(logits, target, patients)
    spread = float(((target - target.mean()) ** 2).sum())
    return 1.0 - float(((target - told) ** 2).sum()) / spread if spread else None


def source_probe(logits: Floats, other: NDArray[np.bool_], patients: NDArray[np.str_]) -> list[float]:
    """How well `logits` (n, k) of normal tissue tell one collection from the `other`, where 0.5 is not at all.

    AUROC for each patient of the collection with fewer of them, left out together with a share of the other patients.
    Empty when there is only one collection.
    """
    ones, zeros = (np.unique(patients[chosen]) for chosen in (other, ~other))
    if not len(ones) or not len(zeros):
        return []
    few, many = sorted((ones, zeros), key=len)
    found: list[float] = []
    for place, patient in enumerate(few):
        held = np.isin(patients, [patient, *many[place :: len(few)]])
        if held.all() or len(np.unique(other[~held])) < 2:
            continue
        value = auroc(other[held], _ridge(logits[~held], other[~held].astype(np.float64), logits[held]))
        if value is not None:
            found.append(value)
    return found


def _told(logits: Floats, target: Floats, patients: NDArray[np.str_]) -> Floats:
    told = np.empty(len(target))
    _, patient = np.unique(patients, return_inverse=True)
    for part in range(_PARTS):
        held = patient % _PARTS == part
        told[held] = _ridge(logits[~held], target[~held], logits[held])
    return told


def _ridge(logits: Floats, target: Floats, asked: Floats) -> Floats:
    mean, deviation = logits.mean(axis=0), logits.std(axis=0) + 1e-9
    known, unknown = (logits - mean) / deviation, (asked - mean) / deviation
    middle = float(target.mean())
    weights = np.linalg.solve(known.T @ known + _RIDGE * np.eye(known.shape[1]), known.T @ (target - middle))
    return np.asarray(unknown @ weights + middle, dtype=np.float64)
