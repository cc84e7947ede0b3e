"""Normal tissue of held-out women, from which the operating point comes: whole normal views, and films with lesions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.metrics import Predictions
from inference.training.calibrate import NormalTissue
from preprocessing.patches import COARSE
from preprocessing.prepare import STRIDE

_USUAL_POSITIONS: Final = 1000
"""Of the sweep in a breast, where no whole view is there to count them in: 84 square centimetres."""


@dataclass(frozen=True)
class SweptView:
    """A whole normal view: the lesion scores of its `peaks`, and the number of `positions` on the breast."""

    patient_id: str
    peaks: Sequence[float]
    positions: int


def held_out_tissue(views: Sequence[SweptView], quiet: Predictions) -> list[NormalTissue]:
    """One entry a woman. `quiet`: windows of normal tissue in films with lesions.

    A whole view gives its marks as they are. Of a film with a lesion there are a few windows only: what part of them
    is marked is taken to hold for as many windows as fit into a breast side by side, each of which gives one mark.
    """
    women: list[NormalTissue] = []
    for name in sorted({view.patient_id for view in views}):
        hers = [view for view in views if view.patient_id == name]
        women.append(NormalTissue(np.concatenate([np.asarray(v.peaks, dtype=float) for v in hers]), 1.0 / len(hers)))
    positions = float(np.mean([view.positions for view in views])) if views else _USUAL_POSITIONS
    windows_a_view = positions * (STRIDE / COARSE.side) ** 2
    scores = 1.0 - quiet.probabilities[:, 0]
    for name in np.unique(quiet.patients):
        hers_too = scores[quiet.patients == name]
        women.append(NormalTissue(hers_too, windows_a_view / len(hers_too)))
    return women
