"""Fine-tuning the upper layers on the stored maps of the frozen ones.

The new heads learn alone first, so that their first errors don't undo what ImageNet's layers know (Kumar et al. 2022,
"Fine-tuning can distort pretrained features"): without that some runs hardly learnt to tell malignant from benign.
AdamW (Loshchilov and Hutter 2019), the heads ten times as fast as ImageNet's layers, those with a warm-up and clipped
slopes, a cosine to the end (nothing is chosen on held-out patients), label smoothing .05, dropout .3. A batch of 32
windows is of one scale, the scales taking turns: under a quarter normal tissue, the four lesion classes in equal parts.

What a step does follows from the seed and its number alone, and its outcome is kept every `KEPT_EVERY` steps in one
file that is replaced whole: a killed run goes on from there and ends as it would have.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import special

from inference.classes import CLASSES
from inference.efficientnet import fill_from_imagenet
from inference.files import read_json, replace_file, replace_json
from inference.network import HEADS, OUTPUTS, trained_part
from inference.sweep import outputs_of
from inference.training.features import Features, Record
from inference.training.frozen import CHANNELS, FROZEN_BLOCKS
from inference.training.imagenet import imagenet_weights
from preprocessing.patches import SCALES

BATCH: Final = 32
KEPT_EVERY: Final = 50
_LEARNING_RATE: Final = 4e-4
_HEADS_FASTER: Final = 10.0
_HEADS_ALONE: Final = 1 / 8
_WARM_UP: Final = 1 / 12
_HEADS_WARM_UP: Final = 1 / 60
"""Of a run's steps: 150, 100 and 20 of 1,200."""
_LARGEST_SLOPE: Final = 1.0
"""Norm of all slopes of ImageNet's layers in one step."""
_LABEL_SMOOTHING: Final = 0.05
_WEIGHT_DECAY: Final = 0.01
_SHARES: Final = {"film normal": 0.08, "film normal cut": 0.08, "lesion film": 0.06}
_STATE: Final = "state.npz"
_CURVE: Final = "curve.json"
Forward = Callable[[NDArray[np.float32]], Any]
"""From maps (n, rows, columns, channels) to logits (n, 10)."""


@dataclass(frozen=True)
class Fit:
    """What to fit: `learn` are numbers of records; `watch`, numbers of held-out ones, are measured at each keeping."""

    seed: int
    steps: int
    learn: NDArray[np.int64]
    watch: NDArray[np.int64]
    kept_every: int = KEPT_EVERY


def fit(features: Features, what: Fit, folder: Path, progress: Callable[[str], None]) -> Any:
    """Train, or go on training, in `folder`; returns the trained part of the network.

    `folder` then holds the state and `curve.json`: step, seconds, loss and accuracy of training batches and of the
    watched windows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(what.seed)
    training = _Training(what)
    done = training.restore(folder / _STATE)
    # The curve is written before the state: killed between the two, it is ahead.
    curve: list[dict[str, float]] = [row for row in read_json(folder / _CURVE) if row["step"] <= done] if done else []
    batches = _Batches(features, what)
    started = time.monotonic() - (curve[-1]["seconds"] if curve else 0.0)
    losses: list[tuple[float, float]] = []
    for step in range(done, what.steps):
        losses.append(training.step(step, *batches.draw(step)))
        if (step + 1) % what.kept_every == 0 or step + 1 == what.steps:
            loss, accuracy = (float(value) for value in np.mean(losses, axis=0))
            losses = []
            row = {
                "step": step + 1,
                "seconds": round(time.monotonic() - started, 1),
                "loss": loss,
                "accuracy": accuracy,
            }
            row |= training.measure(features, what.watch)
            curve = [*curve, {name: round(value, 4) for name, value in row.items()}]
            replace_json(folder / _CURVE, curve)
            training.keep(folder / _STATE, step + 1)
            progress(", ".join(f"{name} {value:g}" for name, value in curve[-1].items()))
    return training.network


def forward_of(network: Any) -> Forward:
    """The network's answer as one compiled function: made once, since making it takes longer than a few batches."""
    return cast(
        "Forward", tf.function(lambda maps: network(maps, training=False), reduce_retracing=True, autograph=False)
    )


def logits_of(forward: Forward, features: Features, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits (n, 5) of records, by the head of each one's own scale."""
    logits = np.zeros((len(numbers), len(CLASSES)), dtype=np.float32)
    scales = np.asarray([features.records[int(number)].scale for number in numbers], dtype=np.int64)
    for place, scale in enumerate(SCALES):
        rows = np.flatnonzero(scales == place)
        for start in range(0, len(rows), 2 * BATCH):
            these = rows[start : start + 2 * BATCH]
            logits[these] = np.asarray(forward(features.maps(numbers[these])))[:, outputs_of(scale)]
    return logits


class _Batches:
    """Which windows each step learns from."""

    def __init__(self, features: Features, what: Fit) -> None:
        self._features = features
        self._seed = what.seed
        records = [features.records[int(number)] for number in what.learn]
        self._groups = [_groups(what.learn, records, scale) for scale in range(len(SCALES))]

    def draw(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
        """Maps, truth (one-hot) and the scale of one step."""
        scale = step % len(SCALES)
        groups, shares = self._groups[scale]
        generator = np.random.default_rng((self._seed, step))
        members = [groups[int(group)] for group in generator.choice(len(groups), size=BATCH, p=shares)]
        numbers = np.asarray([group[int(generator.integers(len(group)))] for group in members], dtype=np.int64)
        labels = [self._features.records[int(number)].label for number in numbers]
        truth = np.eye(len(CLASSES), dtype=np.float32)[labels]
        return self._features.maps(numbers), truth, scale


def _groups(
    learn: NDArray[np.int64], records: Sequence[Record], scale: int
) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """The windows of one scale by kind of normal tissue and by class of lesion, and each group's share of a batch."""
    members: dict[str, list[int]] = {}
    for number, record in zip(learn, records, strict=True):
        if record.scale == scale:
            members.setdefault(CLASSES[record.label] if record.label > 0 else record.origin, []).append(int(number))
    lesions = [name for name in CLASSES[1:] if name in members]
    normals = [name for name in members if name not in CLASSES]
    of_normals = np.asarray([_SHARES.get(name, sum(_SHARES.values())) for name in normals], dtype=np.float64)
    of_a_lesion = (1.0 - of_normals.sum()) / max(1, len(lesions))
    shares = np.concatenate([of_normals, np.full(len(lesions), of_a_lesion)])
    groups = [np.asarray(members[name], dtype=np.int64) for name in [*normals, *lesions]]
    return groups, shares / shares.sum()


class _Training:
    """The network, its optimisers and one step."""

    def __init__(self, what: Fit) -> None:
        self._steps = what.steps
        self._alone = round(what.steps * _HEADS_ALONE)
        self._warm_up = max(1, round(what.steps * _WARM_UP))
        self._heads_warm_up = max(1, round(what.steps * _HEADS_WARM_UP))
        self.network = trained_part(FROZEN_BLOCKS, CHANNELS)
        fill_from_imagenet(self.network, imagenet_weights())
        heads = self.network.get_layer(HEADS).trainable_variables
        names = {id(variable) for variable in heads}
        self._body = [variable for variable in self.network.trainable_variables if id(variable) not in names]
        self._heads = list(heads)
        self._optimizers = [
            keras.optimizers.AdamW(_LEARNING_RATE, weight_decay=_WEIGHT_DECAY),
            keras.optimizers.AdamW(_LEARNING_RATE * _HEADS_FASTER, weight_decay=_WEIGHT_DECAY),
        ]
        for optimizer, variables in zip(self._optimizers, (self._body, self._heads), strict=True):
            optimizer.build(variables)
        self._loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_LABEL_SMOOTHING)
        self._forward = forward_of(self.network)
        self._compiled = {
            alone: tf.function(partial(self._one, alone=alone), reduce_retracing=True, autograph=False)
            for alone in (True, False)
        }

    def step(
        self, number: int, maps: NDArray[np.float32], truth: NDArray[np.float32], scale: int
    ) -> tuple[float, float]:
        """Learn from one batch; returns its loss and accuracy."""
        falling = max(0.01, (1.0 + math.cos(math.pi * number / self._steps)) / 2.0)
        rate = _LEARNING_RATE * falling
        joined = number - self._alone
        self._optimizers[0].learning_rate = rate * min(1.0, max(0, joined + 1) / self._warm_up)
        self._optimizers[1].learning_rate = rate * _HEADS_FASTER * min(1.0, (number + 1) / self._heads_warm_up)
        loss, accuracy = self._compiled[joined < 0](maps, truth, _heads_in_use(scale))
        return float(loss), float(accuracy)

    def _one(self, maps: Any, truth: Any, heads: Any, *, alone: bool) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = self.network(maps, training=True) @ heads
            loss = self._loss(truth, logits)
        body = [] if alone else self._body
        slopes = tape.gradient(loss, [*body, *self._heads])
        if body:
            clipped, _ = tf.clip_by_global_norm(slopes[: len(body)], _LARGEST_SLOPE)
            self._optimizers[0].apply_gradients(zip(clipped, body, strict=True))
        self._optimizers[1].apply_gradients(zip(slopes[len(body) :], self._heads, strict=True))
        right = keras.ops.equal(keras.ops.argmax(logits, axis=-1), keras.ops.argmax(truth, axis=-1))
        return loss, keras.ops.mean(keras.ops.cast(right, "float32"))

    def measure(self, features: Features, watch: NDArray[np.int64]) -> dict[str, float]:
        """Loss and accuracy of held-out windows."""
        if not len(watch):
            return {}
        logits = logits_of(self._forward, features, watch).astype(np.float64)
        truth = np.asarray([features.records[int(number)].label for number in watch])
        loss = -float(special.log_softmax(logits, axis=1)[np.arange(len(truth)), truth].mean())
        return {"held_out_loss": loss, "held_out_accuracy": float((logits.argmax(axis=1) == truth).mean())}

    def keep(self, file: Path, done: int) -> None:
        values = {f"v{place:04d}": np.asarray(value) for place, value in enumerate(self._variables())}
        replace_file(file, lambda fresh: np.savez(fresh, allow_pickle=False, done=np.asarray(done), **values))

    def restore(self, file: Path) -> int:
        """Go back to what was kept; returns the steps done, 0 when nothing was."""
        if not file.is_file():
            return 0
        with np.load(file) as kept:
            for place, variable in enumerate(self._variables()):
                variable.assign(kept[f"v{place:04d}"])
            return int(kept["done"])

    def _variables(self) -> Sequence[Any]:
        # `variables`, not `weights`: the state of dropout's generator is among them.
        return [*self.network.variables, *(one for each in self._optimizers for one in each.variables)]


def _heads_in_use(scale: int) -> NDArray[np.float32]:
    """Picks one scale's five outputs of ten."""
    return np.eye(OUTPUTS, dtype=np.float32)[:, outputs_of(SCALES[scale])]
