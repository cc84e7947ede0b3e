"""Fitting the reference network: its published recipe, and what is changed in it.

As published: four blocks, He initialisation, batch normalisation, dropout, Adam from 1e-3, categorical
cross-entropy, batch 32. Changed: a window of 96 pixels at a quarter of the scan's scale instead of 256 at its half
(two cores train it in half an hour), local contrast as input, batches balanced by class, learning rate falling along a
cosine to the end instead of the best of 25 epochs being picked (nothing is chosen on the validation patients),
label smoothing .05.
"""

import json
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
    progress: Callable[[str], None],
) -> Any:
    """Train, and write `weights.keras` and `curves.json` to `out_dir` after every epoch; return the float32 network.

    `precision` bfloat16 is about 1.4 times as fast where the processor has AVX512_BF16; the weights stay float32.
    `progress` gets a sentence after every epoch.
    """
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    steps = steps or max(1, sum(1 for sample in training if sample.origin == "lesion") * 4 // (3 * BATCH))
    network = reference_network(WINDOW_SIDE)
    keras.mixed_precision.set_dtype_policy("float32")
    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, decay_steps=epochs * steps, alpha=0.01)
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
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
        callbacks=[recorder],
    )
    return float32_copy(network)


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
