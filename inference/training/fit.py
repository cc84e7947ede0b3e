"""Fitting the reference network: its published recipe, and what is changed in it.

As published: four blocks, He initialisation, batch normalisation, dropout, Adam from 1e-3, categorical
cross-entropy, batch 32. Changed: a window of 96 pixels at a quarter of the scan's scale instead of 256 at its half
(two cores train it in half an hour), local contrast as input, batches balanced by class, learning rate falling along a
cosine to the end instead of the best of 25 epochs being picked (nothing is chosen on the validation patients),
label smoothing .05.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import keras
import numpy as np

from inference.classes import CLASSES
from inference.network import float32_copy, reference_network
from inference.training.batches import BATCH, Batches
from inference.training.samples import Sample
from preprocessing.patches import WINDOW_SIDE, Placement, cut_with_margin, window_contrast

Precision = Literal["float32", "bfloat16"]

_LEARNING_RATE: Final = 1e-3
_LABEL_SMOOTHING: Final = 0.05
_NORMAL_PLACES_CHECKED: Final = 25


def validation_windows(
    samples: Sequence[Sample], normal_places: int = _NORMAL_PLACES_CHECKED
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Unaugmented windows with their truth: one a lesion, up to `normal_places` an image of normal tissue."""
    windows: list[np.ndarray[Any, Any]] = []
    truth: list[int] = []
    for sample in samples:
        places = sample.places[:1] if sample.origin == "lesion" else sample.places[:normal_places]
        for place in places:
            windows.append(window_contrast(cut_with_margin(sample.image, Placement(place))))
            truth.append(CLASSES.index(sample.label))
    return np.stack(windows)[..., None], np.eye(len(CLASSES), dtype=np.float32)[truth]


def fit_network(
    training: Sequence[Sample],
    validation: Sequence[Sample],
    out_dir: Path,
    *,
    seed: int,
    epochs: int,
    steps: int | None = None,
    precision: Precision = "float32",
    minutes: float | None = None,
    start_from: Path | None = None,
    progress: Callable[[str], None],
) -> Any:
    """Train, and write `weights.keras` and `curves.json` to `out_dir` after every epoch; return the float32 network.

    The learning rate falls along a cosine over `epochs` of `steps` batches, or over `minutes` where those end first:
    on a busy machine the network is then trained less, but never left half annealed. `start_from`: a `weights.keras`
    to go on from.

    `precision` bfloat16 is about 1.4 times as fast where the processor has AVX512_BF16; the weights stay float32.
    `progress` gets a sentence after every epoch.
    """
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    steps = steps or max(1, sum(1 for sample in training if sample.origin == "lesion") * 4 // (3 * BATCH))
    network = reference_network(WINDOW_SIDE)
    if start_from is not None:
        network.set_weights(keras.models.load_model(start_from).get_weights())
    keras.mixed_precision.set_dtype_policy("float32")
    network.compile(
        optimizer=keras.optimizers.Adam(_LEARNING_RATE),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_LABEL_SMOOTHING),
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions on a CPU are three times as slow as oneDNN's
    )
    recorder = _Recorder(out_dir, epochs, progress)
    network.fit(
        Batches(training, steps, seed),
        validation_data=validation_windows(validation) if validation else None,
        epochs=epochs,
        verbose=0,
        callbacks=[_Cosine(epochs * steps, minutes), recorder],
    )
    return float32_copy(network)


class _Cosine(keras.callbacks.Callback):  # type: ignore[misc] # keras ships no types
    """Lowers the learning rate with the part of the work, or of the time, that is used up; stops at its end."""

    def __init__(self, steps: int, minutes: float | None) -> None:
        super().__init__()
        self._steps = steps
        self._seconds = minutes * 60.0 if minutes is not None else math.inf
        self._done = 0
        self._started = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        used = min(1.0, max(self._done / self._steps, (time.monotonic() - self._started) / self._seconds))
        self.model.optimizer.learning_rate = _LEARNING_RATE * max(0.01, (1.0 + math.cos(math.pi * used)) / 2.0)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._done += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if time.monotonic() - self._started >= self._seconds:
            self.model.stop_training = True


class _Recorder(keras.callbacks.Callback):  # type: ignore[misc] # keras ships no types
    def __init__(self, out_dir: Path, epochs: int, progress: Callable[[str], None]) -> None:
        super().__init__()
        self._out_dir = out_dir
        self._epochs = epochs
        self._progress = progress
        self._rows: list[dict[str, float]] = []
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {name: round(float(value), 4) for name, value in (logs or {}).items()}
        elapsed = time.monotonic() - self._started
        self._rows.append({"epoch": epoch + 1, "seconds": round(elapsed, 1), **figures})
        (self._out_dir / "curves.json").write_text(json.dumps(self._rows, indent=1), encoding="utf-8")
        float32_copy(self.model).save(self._out_dir / "weights.keras")
        told = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        self._progress(f"Epoch {epoch + 1} of {self._epochs} after {elapsed:.0f} s: {told}")
