"""Fitting the reference network as published: Adam from 1e-3, categorical cross-entropy, batch 32, nothing balanced.

The last epoch counts, not the best: choosing it would need the figures that the choice spoils. After every epoch the
whole state is on disk, and an epoch's randomness depends on seed and epoch alone, so that a run that was killed goes on
as if it had not been.
"""

import time
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from inference.classes import CLASSES
from inference.files import replace_file
from inference.reference.curves import Epoch, read_curves, write_curves
from inference.reference.network import reference_network
from inference.reference.patch_set import PatchSet
from inference.reference.run import STATE_FILE, RunSettings, Watch
from inference.reference.split import Parts

BATCH: Final = 32
LEARNING_RATE: Final = 1e-3


class Batches(keras.utils.PyDataset):  # type: ignore[misc] # keras ships no types
    """Patches in a given order as (n, side, side, 1) in 0..1, with their one-hot truth."""

    def __init__(self, patches: PatchSet, order: NDArray[np.int64]) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._patches = patches
        self._order = order
        self._truth = np.eye(len(CLASSES), dtype=np.float32)[patches.labels]

    def __len__(self) -> int:
        return -(-len(self._order) // BATCH)

    def __getitem__(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = self._order[step * BATCH : (step + 1) * BATCH]
        windows = self._patches.pixels[chosen].astype(np.float32)[..., None] / np.float32(255.0)
        return windows, self._truth[chosen]


def fit_network(patches: PatchSet, parts: Parts, settings: RunSettings, out_dir: Path, watch: Watch) -> Any:
    """Train in `out_dir`, from where an earlier attempt got to; returns the network after the last epoch.

    Writes `state.keras` (weights and optimiser), `curves.json` and `curves.png` after every epoch.
    """
    network = _network(settings, out_dir)
    steps = -(-len(parts["training"]) // BATCH)
    # The state says how far it is; curves written just before a kill may be an epoch ahead of it.
    done = int(network.optimizer.iterations) // steps
    rows: list[Epoch] = read_curves(out_dir)[:done]
    if done:
        watch.told(f"Going on after epoch {done} of {settings.epochs}.")
    for epoch in range(done, settings.epochs):
        started = time.monotonic()
        _seed_dropout(network, settings.seed, epoch)
        order = np.random.default_rng((settings.seed, epoch)).permutation(parts["training"])
        told = _Steps(watch, epoch, settings.epochs, steps, rows)
        fitted = network.fit(Batches(patches, order), shuffle=False, epochs=1, verbose=0, callbacks=[told])
        loss, accuracy = _validated(network, patches, parts["validation"])
        row = {
            "epoch": epoch + 1,
            "accuracy": round(float(fitted.history["accuracy"][0]), 5),
            "loss": round(float(fitted.history["loss"][0]), 5),
            "val_accuracy": round(accuracy, 5),
            "val_loss": round(loss, 5),
            "seconds": round(time.monotonic() - started, 1),
        }
        rows.append(row)
        write_curves(out_dir, rows, settings.split)
        replace_file(out_dir / STATE_FILE, network.save)
        watch.told(
            f"Epoch {epoch + 1} of {settings.epochs} in {row['seconds']:.0f} s: "
            f"accuracy {row['accuracy']:.3f}, validation {row['val_accuracy']:.3f}, "
            f"loss {row['loss']:.3f}, validation {row['val_loss']:.3f}"
        )
    return network


def probabilities(network: Any, patches: PatchSet, members: NDArray[np.int64]) -> NDArray[np.float64]:
    """The network's answer (n, 5) for these patches."""
    answers = network.predict(Batches(patches, members), verbose=0)
    return np.asarray(answers, dtype=np.float64)


def _validated(network: Any, patches: PatchSet, members: NDArray[np.int64]) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    answers, truth = probabilities(network, patches, members), patches.labels[members]
    likely = np.clip(answers[np.arange(len(truth)), truth], 1e-7, 1.0)
    return float(-np.log(likely).mean()), float((answers.argmax(axis=1) == truth).mean())


def _network(settings: RunSettings, out_dir: Path) -> Any:
    keras.utils.set_random_seed(settings.seed)
    state = out_dir / STATE_FILE
    if state.exists():
        return keras.models.load_model(state)
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16" if settings.precision == "bfloat16" else "float32")
    try:
        network = reference_network(settings.side, settings.blocks, regularised=settings.regularised)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    network.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions on a CPU are three times as slow as oneDNN's
    )
    return network


def _seed_dropout(network: Any, seed: int, epoch: int) -> None:
    """Keras does not save the state of dropout's generators, so each epoch begins with one of its own."""
    for place, layer in enumerate(network.layers):
        if isinstance(layer, keras.layers.Dropout):
            first, second = np.random.SeedSequence((seed, epoch, place)).generate_state(2)
            layer.seed_generator.state.assign(np.asarray([first, second], dtype=np.uint32))


class _Steps(keras.callbacks.Callback):  # type: ignore[misc] # keras ships no types
    def __init__(self, watch: Watch, epoch: int, epochs: int, steps: int, rows: list[Epoch]) -> None:
        super().__init__()
        self._watch = watch
        self._before, self._all = epoch * steps, epochs * steps
        last = f", validation {rows[-1]['val_accuracy']:.3f}" if rows else ""
        self._detail = f"epoch {epoch + 1} of {epochs}{last}"

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._watch.advanced("training", self._before + batch + 1, self._all, self._detail)
