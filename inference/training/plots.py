"""Pictures for the model card: training curves, confusion matrix, reliability, a grid of predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from inference.classes import CLASSES
from inference.crops import GreyPixels, read_crop, reading_places
from inference.evaluate import Evaluation
from inference.metrics import Predictions, auroc, confusion_matrix, malignancy_share
from inference.training.labels import grey
from preprocessing.normalise import FloatImage
from preprocessing.patches import COARSE, Placement, cut_window

_GRID: Final = (4, 8)
EXAMPLES: Final = _GRID[0] * _GRID[1]
_SHORT: Final = ("normal", "benign calc.", "benign mass", "malign. calc.", "malign. mass")


def draw_evaluation(found: Evaluation, out_dir: Path) -> list[Path]:
    """Confusion matrix, reliability, ROC where it can be told, and examples; returns the files."""
    out_dir.mkdir(parents=True, exist_ok=True)
    names = ("confusion.png", "reliability.png", "roc.png", "examples.png")
    files = [out_dir / name for name in names]
    draw_confusion(found.given, files[0])
    draw_reliability(found.given, files[1])
    draw_roc(found.given, files[2])
    crops = [number for number, answer in enumerate(found.answers) if answer.logits is not None]
    chosen = np.random.default_rng(0).permutation(crops)[:EXAMPLES].astype(np.int64)
    windows = [middle_window(grey(found.rows[int(number)].path)) for number in chosen]
    draw_examples(windows, found.given.part(chosen), files[3])
    return files


def middle_window(pixels: GreyPixels) -> FloatImage:
    """The coarse window in the middle of a crop, as the network sees it."""
    contrast = read_crop(pixels).contrast[COARSE.name]
    return cut_window(contrast, Placement(reading_places(contrast, COARSE)[0]), COARSE.side)


def draw_curves(runs: Sequence[Sequence[dict[str, float]]], file: Path) -> None:
    """Accuracy and loss over the steps of every run, training windows and held-out patients' windows."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
        for number, rows in enumerate(runs):
            steps = [row["step"] for row in rows]
            labels = ("training (augmented, dropout on)", "held-out patients") if number == 0 else (None, None)
            axis.plot(steps, [row[name] for row in rows], color="tab:blue", alpha=0.6, label=labels[0])
            if f"held_out_{name}" in rows[0]:
                held = [row[f"held_out_{name}"] for row in rows]
                axis.plot(steps, held, color="tab:orange", alpha=0.6, label=labels[1])
        axis.set_xlabel("step of 32 windows")
        axis.set_title(name)
        axis.legend()
    _save(figure, file)


def draw_confusion(given: Predictions, file: Path) -> None:
    """Rows truth, columns prediction; counts, shaded by the row's share."""
    matrix = confusion_matrix(given)
    figure, axis = plt.subplots(figsize=(5.5, 4.8))
    axis.imshow(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        axis.text(column, row, str(count), ha="center", va="center")
    axis.set_xticks(range(len(CLASSES)), _SHORT, rotation=30, ha="right")
    axis.set_yticks(range(len(CLASSES)), _SHORT)
    axis.set_xlabel("predicted")
    axis.set_ylabel("truth")
    _save(figure, file)


def draw_reliability(given: Predictions, file: Path, bins: int = 10) -> None:
    """How often the most likely class was right, by how sure the network was."""
    confidence = given.probabilities.max(axis=1)
    right = given.probabilities.argmax(axis=1) == given.truth
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    figure, axis = plt.subplots(figsize=(4, 4))
    axis.plot([0, 1], [0, 1], color="grey", linewidth=1)
    filled = [place for place in range(bins) if (places == place).any()]
    axis.plot(
        [confidence[places == place].mean() for place in filled],
        [right[places == place].mean() for place in filled],
        marker="o",
    )
    axis.set_xlabel("probability of the most likely class")
    axis.set_ylabel("share right")
    _save(figure, file)


def draw_roc(given: Predictions, file: Path) -> None:
    """Malignant against benign among lesions, all and by type."""
    figure, axis = plt.subplots(figsize=(4.5, 4.5))
    axis.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for name, classes in (("all lesions", (1, 2, 3, 4)), ("calcifications", (1, 3)), ("masses", (2, 4))):
        part = given.part(np.isin(given.truth, classes))
        malignant = part.truth >= 3
        if not malignant.any() or malignant.all():
            continue
        share = malignancy_share(part.probabilities)
        order = np.argsort(-share, kind="stable")
        sensitivity = np.concatenate(([0.0], np.cumsum(malignant[order]) / malignant.sum()))
        alarms = np.concatenate(([0.0], np.cumsum(~malignant[order]) / (~malignant).sum()))
        axis.plot(alarms, sensitivity, label=f"{name}: {auroc(malignant, share):.3f}")
    axis.set_xlabel("benign lesions called malignant")
    axis.set_ylabel("malignant lesions called malignant")
    axis.legend()
    _save(figure, file)


def draw_examples(windows: Sequence[FloatImage], given: Predictions, file: Path, seed: int = 0) -> None:
    """A grid of windows with the prediction below: blue right, red wrong, in per cent."""
    rows, columns = _GRID
    chosen = np.random.default_rng(seed).permutation(len(windows))[: rows * columns]
    figure, axes = plt.subplots(rows, columns, figsize=(columns * 1.5, rows * 1.75))
    for axis in axes.flat:
        axis.axis("off")
    for axis, place in zip(axes.flat, chosen, strict=False):
        called = int(given.probabilities[place].argmax())
        colour = "tab:blue" if called == given.truth[place] else "tab:red"
        axis.imshow(windows[int(place)], cmap="gray", vmin=0.1, vmax=0.8)
        axis.set_title(f"{_SHORT[called]}\n{given.probabilities[place][called]:.0%}", color=colour, fontsize=7, y=-0.32)
    _save(figure, file)


def _save(figure: Any, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)
