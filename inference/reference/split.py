"""The two splits: by patch, as published, and by patient. And how far the first one leaks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inference.reference.patch_set import PatchSet
from inference.training.labels import LabelsUnusable, Row
from inference.training.split import fold_of_patients, guard_against_leaks

SplitKind = Literal["patch", "patient"]
Part = Literal["training", "validation", "test"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
Parts = Mapping[Part, NDArray[np.int64]]
_TENTHS: Final = 10


def split_patches(patches: PatchSet, kind: SplitKind, seed: int) -> Parts:
    """Numbers of the patches in each part, 80 : 10 : 10.

    "patch": every patch for itself, at random, as published. "patient": all patches of a patient together, each kind
    of patient (by her most severe label) dealt evenly; the leak guard looks at the outcome. Raises LeakFound, and
    LabelsUnusable when a part would be empty.
    """
    count = len(patches.patches)
    if kind == "patch":
        tenth = np.empty(count, dtype=np.int64)
        tenth[np.random.default_rng(seed).permutation(count)] = np.arange(count) * _TENTHS // count
    else:
        rows = [Row(Path(one.source), one.patient_id, one.label, "crop", "", "") for one in patches.patches]
        fold = fold_of_patients(rows, _TENTHS, seed)
        tenth = np.asarray([fold[row.patient_id] for row in rows], dtype=np.int64)
    parts: Parts = {
        "training": np.flatnonzero(tenth > 1),
        "validation": np.flatnonzero(tenth == 1),
        "test": np.flatnonzero(tenth == 0),
    }
    for name, members in parts.items():
        if not len(members):
            raise LabelsUnusable(f"There are too few patients or patches: nothing is left for {name}; add images.")
    if kind == "patient":
        guard_against_leaks(
            {
                name: [(patches.patches[one].patient_id, patches.patches[one].pixel_hash) for one in members]
                for name, members in parts.items()
            }
        )
    return parts


def siblings(patches: PatchSet, parts: Parts) -> dict[str, int]:
    """How many test patches of lesions have a sibling in training: from the same image, from the same patient."""
    training = [patches.patches[one] for one in parts["training"]]
    sources, patients = {one.source for one in training}, {one.patient_id for one in training}
    lesions = [patches.patches[one] for one in parts["test"] if patches.patches[one].label != "normal"]
    return {
        "test_lesion_patches": len(lesions),
        "of_an_image_in_training": sum(one.source in sources for one in lesions),
        "of_a_patient_in_training": sum(one.patient_id in patients for one in lesions),
    }
