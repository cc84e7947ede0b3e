"""Class-balanced batches: a quarter normals, the four lesion classes in equal parts."""

from collections.abc import Sequence
from typing import Any, Final

import keras
import numpy as np

from inference.classes import CLASSES
from inference.training.augment import training_window
from inference.training.samples import Sample
from preprocessing.patches import WINDOW_SIDE

BATCH: Final = 32
_SHARES: Final = {"film normal": 5, "lesion film": 3}
_A_LESION_CLASS: Final = 6


class Batches(keras.utils.PyDataset):  # type: ignore[misc] # keras ships no types
    """One epoch of augmented windows; the same seed and epoch give the same windows."""

    def __init__(self, samples: Sequence[Sample], steps: int, seed: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._groups = _groups(samples)
        self._steps = steps
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        generator = np.random.default_rng((self._seed, self._epoch, step))
        windows = np.empty((BATCH, WINDOW_SIDE, WINDOW_SIDE, 1), dtype=np.float32)
        truth = np.zeros((BATCH, len(CLASSES)), dtype=np.float32)
        place = 0
        for members, share in self._groups:
            for _ in range(share):
                sample = members[int(generator.integers(len(members)))]
                windows[place, :, :, 0] = training_window(sample, generator)
                truth[place, CLASSES.index(sample.label)] = 1.0
                place += 1
        return windows[:place], truth[:place]

    def on_epoch_end(self) -> None:
        self._epoch += 1


def _groups(samples: Sequence[Sample]) -> list[tuple[list[Sample], int]]:
    groups: list[tuple[list[Sample], int]] = []
    for origin, share in _SHARES.items():
        members = [sample for sample in samples if sample.origin == origin]
        if members:
            groups.append((members, share))
    if len(groups) == 1:
        # Only one kind of normals at hand: it fills the normals' quarter alone.
        groups = [(groups[0][0], sum(_SHARES.values()))]
    for label in CLASSES[1:]:
        members = [sample for sample in samples if sample.label == label]
        if members:
            groups.append((members, _A_LESION_CLASS))
    # Normals given as crops of their own (no full view at hand) count as film normals.
    crops = [sample for sample in samples if sample.label == "normal" and sample.origin == "lesion"]
    if crops and not any(members[0].label == "normal" for members, _ in groups):
        groups.insert(0, (crops, sum(_SHARES.values())))
    return groups
