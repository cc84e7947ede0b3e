"""Training from labelled folders to a model that can ship: `train(data_dir, out_dir)`."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from inference.metrics import DRAWS
from inference.training.labels import LabelsUnusable, patients, read_labels
from inference.training.recipe import hold_to_this_run
from inference.training.split import fold_of_patients
from inference.training.threads import limit_threads

FOLDS: Final = 5
STEPS: Final = 1200
SPLIT_SEED: Final = 0


def train(
    data_dir: Path,
    out_dir: Path,
    *,
    seed: int = 0,
    seeds: int = 2,
    folds: Sequence[int] = tuple(range(FOLDS)),
    steps: int = STEPS,
    draws: int = DRAWS,
    progress: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Train on every `labels.csv` below `data_dir` and write the model to `out_dir`; returns the card's path.

    The fifths of the patients in `folds` are held out in turn, for every figure, the calibration and the operating
    points; each `seeds` times, from `seed` on, for `steps` batches. Called again with the same `out_dir` after it was
    killed, it goes on where it was; what it has made stays in `out_dir / "work"`. `progress` gets sentences.
    Raises LabelsUnusable, LeakFound, RunDiffers (the folder holds a run of other data, length or recipe) and
    ImageNetWeightsMissing.
    """
    limit_threads()
    # The same seed gives the same network.
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
    rows = [row for row in read_labels(data_dir) if row.kind != "thumb"]
    if len(patients(rows)) < 2:
        raise LabelsUnusable(f"{data_dir} holds images of fewer than two patients: nothing can be held out.")
    fold_of = fold_of_patients(rows, FOLDS, SPLIT_SEED)
    # TensorFlow starts only now.
    from inference.training.cross_validate import Plan, cross_validate
    from inference.training.features import store_features
    from inference.training.finish import finish_model

    work = out_dir / "work"
    work.mkdir(parents=True, exist_ok=True)
    hold_to_this_run(work, rows, steps)
    features = store_features(rows, work / "features", progress)
    progress(f"{len(features.records)} windows of {len(patients(rows))} patients.")
    plan = Plan(folds, range(seed, seed + seeds), steps)
    answers = cross_validate(features, fold_of, plan, work / "runs", progress)
    told = {"name": "mammogate", "seeds": list(plan.seeds), "folds": list(folds), "of_folds": FOLDS, "steps": steps}
    return finish_model(
        features, answers, rows, fold_of, plan, work / "runs", out_dir, recipe=told, draws=draws, progress=progress
    )
