"""Training from labelled folders to shipped model: `train(data_dir, out_dir)`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2

from inference.metrics import DRAWS
from inference.training.labels import LabelsUnusable, Row, patients, read_labels
from inference.training.samples import Sample, load_samples
from inference.training.split import fold_of_patients, guard_against_leaks

if TYPE_CHECKING:
    from inference.training.fit import Precision

Recipe = Literal["reference", "mammogate"]

FOLDS: Final = 5
THREADS: Final = 2


class RecipeUnavailable(Exception):
    """The recipe isn't built yet."""


def split_samples(
    data_dir: Path, *, seed: int, validation_fold: int, told: Callable[[str], None]
) -> tuple[list[Sample], list[Sample], list[Row]]:
    """Read, split by patient and guard: training samples, held-out samples, rows of the held-out.

    Raises LabelsUnusable and LeakFound.
    """
    rows = [row for row in read_labels(data_dir) if row.kind != "thumb"]
    if len(patients(rows)) < 2:
        raise LabelsUnusable(f"{data_dir} holds images of fewer than two patients: nothing can be held out.")
    fold = fold_of_patients(rows, FOLDS, seed)
    samples = load_samples(rows, told)
    training = [sample for sample in samples if fold[sample.patient_id] != validation_fold]
    validation = [sample for sample in samples if fold[sample.patient_id] == validation_fold]
    guard_against_leaks(
        {
            "training": [(sample.patient_id, sample.pixel_hash) for sample in training],
            "validation": [(sample.patient_id, sample.pixel_hash) for sample in validation],
        }
    )
    used = {sample.path for sample in validation}
    return training, validation, [row for row in rows if row.path in used]


def train(
    data_dir: Path,
    out_dir: Path,
    recipe: Recipe = "reference",
    *,
    seed: int = 0,
    epochs: int = 25,
    steps: int | None = None,
    validation_fold: int = 0,
    precision: "Precision" = "float32",
    minutes: float | None = None,
    start_from: Path | None = None,
    draws: int = DRAWS,
    progress: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Train on every `labels.csv` below `data_dir` and write the model to `out_dir`; returns the card's path.

    One fold of five patient groups is held out (`validation_fold`, 0..4) for every figure, the calibration and the
    operating points. `steps` an epoch: by default as many as show every lesion about once. `minutes` ends training
    earlier, annealed; `start_from` goes on from a `weights.keras`. `progress` gets sentences.
    Raises RecipeUnavailable, LabelsUnusable, LeakFound.
    """
    if recipe != "reference":
        raise RecipeUnavailable(f"The recipe {recipe!r} is not available yet; use --recipe reference.")
    _limit_threads()
    out_dir.mkdir(parents=True, exist_ok=True)
    training, validation, held_out = split_samples(data_dir, seed=seed, validation_fold=validation_fold, told=progress)
    progress(f"{len(training)} images to train on, {len(validation)} held out.")
    from inference.training.fit import fit_network  # TensorFlow starts only now

    network: Any = fit_network(
        training,
        validation,
        out_dir,
        seed=seed,
        epochs=epochs,
        steps=steps,
        precision=precision,
        minutes=minutes,
        start_from=start_from,
        progress=progress,
    )
    from inference.training.finish import finish_model

    told = {
        "name": recipe,
        "seed": seed,
        "epochs": epochs,
        "steps": steps,
        "validation_fold": validation_fold,
        "folds": FOLDS,
        "precision": precision,
        "minutes": minutes,
        "went_on_from_earlier_weights": start_from is not None,
    }
    card: Path = finish_model(
        network, training, validation, held_out, out_dir, recipe=told, draws=draws, progress=progress
    )
    return card


def _limit_threads() -> None:
    """Keep to two threads where the environment names no other number; must run before TensorFlow starts."""
    cv2.setNumThreads(1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
