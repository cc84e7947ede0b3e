"""What networks answered about held-out pictures: one row an item, logits of both scales."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.card import Calibration
from inference.classes import CLASSES
from inference.files import replace_file
from inference.metrics import Predictions
from inference.sweep import combined
from inference.training.features import Features
from preprocessing.patches import SCALES


@dataclass(frozen=True)
class Answers:
    """`logits` (n, 2, 5): the mean over an item's windows, fine and coarse; the rest (n,) describes the items.

    `files`: names of the pictures. `fold`: whose held-out patients they are. `shorter_sides` of crops in scan pixels.
    """

    logits: NDArray[np.float32]
    truth: NDArray[np.int64]
    origins: NDArray[np.str_]
    patients: NDArray[np.str_]
    areas: NDArray[np.float64]
    shorter_sides: NDArray[np.int64]
    files: NDArray[np.str_]
    fold: NDArray[np.int64]

    def part(self, chosen: NDArray[Any]) -> "Answers":
        """The chosen rows (a boolean mask or row numbers)."""
        return Answers(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def predictions(self, calibration: Calibration) -> Predictions:
        """Probabilities with their truth."""
        probabilities = combined(self.logits.transpose(1, 0, 2), calibration).astype(np.float64)
        return Predictions(probabilities, self.truth, self.patients, self.areas)

    def save(self, file: Path) -> None:
        """Write to one `.npz`, whole or not at all."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        replace_file(file, lambda fresh: np.savez(fresh, **values))

    @staticmethod
    def load(file: Path) -> "Answers":
        """Read what `save` wrote."""
        with np.load(file) as kept:
            return Answers(*(kept[field.name] for field in fields(Answers)))

    @staticmethod
    def joined(parts: Sequence["Answers"]) -> "Answers":
        """All rows of several."""
        return Answers(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Answers)))


def answers_of(features: Features, numbers: NDArray[np.int64], logits: NDArray[np.float32], fold: int) -> Answers:
    """Average the windows' `logits` (n, 5) of records `numbers` over each item and scale."""
    records = [features.records[int(number)] for number in numbers]
    _, first, where = np.unique([record.item for record in records], return_index=True, return_inverse=True)
    sums = np.zeros((len(first), len(SCALES), len(CLASSES)), dtype=np.float64)
    counts = np.zeros((len(first), len(SCALES), 1))
    scales = np.asarray([record.scale for record in records])
    np.add.at(sums, (where, scales), logits)
    np.add.at(counts, (where, scales), 1.0)
    heads = [records[int(place)] for place in first]
    return Answers(
        logits=(sums / np.maximum(counts, 1.0)).astype(np.float32),
        truth=np.asarray([head.label for head in heads], dtype=np.int64),
        origins=np.asarray([head.origin for head in heads], dtype=np.str_),
        patients=np.asarray([head.patient_id for head in heads], dtype=np.str_),
        areas=np.asarray([head.area for head in heads], dtype=np.float64),
        shorter_sides=np.asarray([head.shorter_side for head in heads], dtype=np.int64),
        files=np.asarray([head.file for head in heads], dtype=np.str_),
        fold=np.full(len(heads), fold, dtype=np.int64),
    )
