"""Patient-grouped folds times seeds, and one network of them all.

Every run starts from the same ImageNet weights and the same frozen layers, so that the mean of several runs' weights
is itself a network, about as good as the mean of their answers and no larger (Wortsman et al. 2022, model soups). The
seeds of a fold are averaged so, and that network answers for the fold's held-out patients: these are the figures. The
network that ships is the mean of all runs; nobody is held out of it, so it has no figure here of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.efficientnet import fill_from_imagenet
from inference.network import fill_sweep, sweep_network, trained_part
from inference.training.answers import Answers, answers_of
from inference.training.features import Features
from inference.training.fit import Fit, fit, logits_of
from inference.training.frozen import CHANNELS, FROZEN_BLOCKS
from inference.training.imagenet import imagenet_weights
from inference.training.split import guard_against_leaks

_WATCHED = 256


@dataclass(frozen=True)
class Plan:
    """`folds`: which fifths are held out in turn; `seeds` a fold; `steps` a run."""

    folds: Sequence[int]
    seeds: Sequence[int]
    steps: int


def cross_validate(
    features: Features, fold_of: dict[str, int], plan: Plan, folder: Path, progress: Callable[[str], None]
) -> Answers:
    """Train every run of `plan` that isn't done in `folder`; returns the averaged networks' held-out answers.

    Raises LeakFound before anything is trained.
    """
    for fold in plan.folds:
        _guard(features, fold_of, fold)
    return Answers.joined([_fold(features, fold_of, fold, plan, folder, progress) for fold in plan.folds])


def _guard(features: Features, fold_of: dict[str, int], fold: int) -> None:
    splits: dict[str, set[tuple[str, str]]] = {"training": set(), "held out": set()}
    for record in features.records:
        side = "held out" if fold_of[record.patient_id] == fold else "training"
        splits[side].add((record.patient_id, record.pixel_hash))
    guard_against_leaks({name: sorted(members) for name, members in splits.items()})


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
    learn, watch = np.flatnonzero(~held & ~read), np.flatnonzero(held & read)
    networks: list[Any] = []
    for seed in plan.seeds:
        run = run_folder(folder, fold, seed)
        done = run / "weights.npz"
        if done.is_file():
            networks.append(read_weights(done))
            continue
        told = f"Fold {fold}, seed {seed}: "
        watched = np.random.default_rng(fold).permutation(watch)[:_WATCHED]
        network = fit(features, Fit(seed, plan.steps, learn, watched), run, _prefixed(told, progress))
        networks.append(write_weights(network, done))
        answers_of(features, watch, logits_of(network, features, watch), fold).save(run / "answers.npz")
    together = folder / f"fold{fold}-seeds{'-'.join(map(str, plan.seeds))}.npz"
    if not together.is_file():
        network = filled(mean_weights(networks))
        answers_of(features, watch, logits_of(network, features, watch), fold).save(together)
    return Answers.load(together)


def _prefixed(told: str, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: progress(told + text)


def run_folder(folder: Path, fold: int, seed: int) -> Path:
    """Where one run keeps its files."""
    return folder / f"fold{fold}-seed{seed}"


def write_weights(network: Any, file: Path) -> list[NDArray[np.float32]]:
    """Keep the weights of a trained part, and return them."""
    weights = [np.asarray(weight, dtype=np.float32) for weight in network.get_weights()]
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, *weights)
    partial.replace(file)
    return weights


def read_weights(file: Path) -> list[NDArray[np.float32]]:
    """What `write_weights` wrote, in its order."""
    with np.load(file) as kept:
        return [kept[f"arr_{place}"] for place in range(len(kept.files))]


def mean_weights(several: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    """The mean of several runs' weights."""
    means = (np.mean(np.stack(one), axis=0, dtype=np.float64) for one in zip(*several, strict=True))
    return [np.asarray(mean, dtype=np.float32) for mean in means]


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
