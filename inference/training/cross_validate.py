"""Patient-grouped folds times seeds, and one network to ship.

A fold's networks answer for its held-out patients, the mean of the seeds' logits being the answer. What ships is one
network: that of the only run where there is one, otherwise one more trained in the same way on everybody. The mean of
several runs' weights was tried and is no network (two folds: AUROC .76 where each alone has .79 to .83), nor a better
one of two seeds of a fold (.80 on average where each alone has .81).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.efficientnet import fill_from_imagenet
from inference.files import replace_file
from inference.network import fill_sweep, sweep_network, trained_part
from inference.training.answers import Answers, answers_of
from inference.training.features import Features
from inference.training.fit import Fit, fit, forward_of, logits_of
from inference.training.frozen import CHANNELS, FROZEN_BLOCKS
from inference.training.imagenet import imagenet_weights
from inference.training.split import guard_against_leaks

_WATCHED = 256
_WEIGHTS = "weights.npz"
_ANSWERS = "answers.npz"
_ABOUT_THE_LEARNT = "answers_about_the_learnt.npz"


@dataclass(frozen=True)
class Plan:
    """`folds`: which fifths are held out in turn; `seeds` a fold; `steps` a run."""

    folds: Sequence[int]
    seeds: Sequence[int]
    steps: int


def cross_validate(
    features: Features, fold_of: dict[str, int], plan: Plan, folder: Path, progress: Callable[[str], None]
) -> Answers:
    """Train every run of `plan` that isn't done in `folder`; returns the held-out answers.

    Raises LeakFound before anything is trained.
    """
    for fold in plan.folds:
        _guard(features, fold_of, fold)
    return Answers.joined([_fold(features, fold_of, fold, plan, folder, progress) for fold in plan.folds])


def _guard(features: Features, fold_of: dict[str, int], fold: int) -> None:
    splits: dict[str, set[tuple[str, str]]] = {"training": set(), "held out": set()}
    for number in learnt_from(features, fold_of, fold):
        record = features.records[int(number)]
        splits["training"].add((record.patient_id, record.pixel_hash))
        if record.donor:
            splits["training"].add((record.donor, f"tissue of {record.donor}"))
    for record in features.records:
        if record.use == "read" and fold_of[record.patient_id] == fold:
            splits["held out"].add((record.patient_id, record.pixel_hash))
    guard_against_leaks({name: sorted(members) for name, members in splits.items()})


def learnt_from(features: Features, fold_of: dict[str, int], fold: int) -> NDArray[np.int64]:
    """Numbers of the records to learn from: neither the patient nor the woman around her lesion is held out."""
    return np.flatnonzero(
        [
            record.use == "learn" and fold not in (fold_of[record.patient_id], fold_of.get(record.donor))
            for record in features.records
        ]
    )


def _fold(
    features: Features,
    fold_of: dict[str, int],
    fold: int,
    plan: Plan,
    folder: Path,
    progress: Callable[[str], None],
) -> Answers:
    held = np.asarray([fold_of[record.patient_id] == fold for record in features.records])
    read = np.asarray([record.use == "read" for record in features.records])
    learn, watch = learnt_from(features, fold_of, fold), np.flatnonzero(held & read)
    answers: list[Answers] = []
    for seed in plan.seeds:
        run = run_folder(folder, fold, seed)
        watched = np.random.default_rng(fold).permutation(watch)[:_WATCHED]
        network = _trained(
            features, Fit(seed, plan.steps, learn, watched), run, f"Fold {fold}, seed {seed}: ", progress
        )
        if not (run / _ANSWERS).is_file():
            answers_of(features, watch, logits_of(forward_of(network), features, watch), fold).save(run / _ANSWERS)
        answers.append(Answers.load(run / _ANSWERS))
    return replace(answers[0], logits=np.mean([one.logits for one in answers], axis=0, dtype=np.float32))


def answers_of_one_network(plan: Plan, folder: Path) -> Answers:
    """The held-out answers of the first seed alone, after `cross_validate`: one network answers, as of what ships."""
    return Answers.joined([Answers.load(run_folder(folder, fold, plan.seeds[0]) / _ANSWERS) for fold in plan.folds])


def network_to_ship(features: Features, plan: Plan, folder: Path, progress: Callable[[str], None]) -> Any:
    """The sweep network that ships: of the only run, or trained on everybody's windows with the first seed."""
    run = folder_of_what_ships(folder, plan)
    if _has_one_run(plan):
        return whole_network(read_weights(run / _WEIGHTS))
    learn = np.flatnonzero([record.use == "learn" for record in features.records])
    nobody = np.zeros(0, dtype=np.int64)
    what = Fit(plan.seeds[0], plan.steps, learn, nobody)
    return whole_network(_trained(features, what, run, "Everybody: ", progress).get_weights())


def folder_of_what_ships(folder: Path, plan: Plan) -> Path:
    """Where the run that `network_to_ship` gives keeps its files."""
    if _has_one_run(plan):
        return run_folder(folder, plan.folds[0], plan.seeds[0])
    return folder / f"everybody-seed{plan.seeds[0]}"


def _has_one_run(plan: Plan) -> bool:
    return len(plan.folds) == 1 and len(plan.seeds) == 1


def answers_about_the_learnt(features: Features, fold_of: dict[str, int], fold: int | None, run: Path) -> Answers:
    """What a run's network answers about the patients that it learnt from: all, or all but those of `fold`.

    No figure of how good it is, but one that hardly learnt shows here. Kept in the run's folder.
    """
    file = run / _ABOUT_THE_LEARNT
    if not file.is_file():
        wanted = [record.use == "read" and fold_of[record.patient_id] != fold for record in features.records]
        numbers = np.flatnonzero(wanted)
        forward = forward_of(filled(read_weights(run / _WEIGHTS)))
        answers_of(features, numbers, logits_of(forward, features, numbers), -1 if fold is None else fold).save(file)
    return Answers.load(file)


def _trained(features: Features, what: Fit, run: Path, told: str, progress: Callable[[str], None]) -> Any:
    done = run / _WEIGHTS
    if done.is_file():
        return filled(read_weights(done))
    network = fit(features, what, run, _prefixed(told, progress))
    write_weights(network, done)
    return network


def _prefixed(told: str, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: progress(told + text)


def run_folder(folder: Path, fold: int, seed: int) -> Path:
    """Where one run keeps its files."""
    return folder / f"fold{fold}-seed{seed}"


def write_weights(network: Any, file: Path) -> None:
    """Keep the weights of a trained part."""
    replace_file(file, lambda fresh: np.savez(fresh, *network.get_weights()))


def read_weights(file: Path) -> list[NDArray[np.float32]]:
    """What `write_weights` wrote, in its order."""
    with np.load(file) as kept:
        return [kept[f"arr_{place}"] for place in range(len(kept.files))]


def filled(weights: Sequence[NDArray[np.float32]]) -> Any:
    """A trained part with these weights."""
    network = trained_part(FROZEN_BLOCKS, CHANNELS)
    network.set_weights(list(weights))
    return network


def whole_network(weights: Sequence[NDArray[np.float32]]) -> Any:
    """The sweep network: ImageNet's frozen layers below these weights."""
    sweep = sweep_network()
    fill_from_imagenet(sweep, imagenet_weights())
    fill_sweep(sweep, filled(weights))
    return sweep
