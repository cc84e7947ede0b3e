"""The live curve of a run: `curves.json` and `curves.png`, both rewritten after every epoch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from inference.files import read_json, replace_file, replace_json
from inference.reference.run import CURVES_FILE, CURVES_PICTURE
from inference.reference.split import SplitKind

_VALIDATION: Final[dict[SplitKind, str]] = {
    "patch": "validation (siblings of training patches)",
    "patient": "validation (other patients)",
}
Epoch = dict[str, float]
Lines = dict[str, list[tuple[float, float]]]
"""Label to (accuracy, loss) of each epoch."""


def read_curves(out_dir: Path) -> list[Epoch]:
    """The epochs so far; empty before the first one."""
    file = out_dir / CURVES_FILE
    return list(read_json(file)) if file.exists() else []


def write_curves(out_dir: Path, rows: Sequence[Epoch], split: SplitKind) -> None:
    """Rewrite both files, atomically."""
    replace_json(out_dir / CURVES_FILE, list(rows))
    lines = {
        "training (dropout on)": [(row["accuracy"], row["loss"]) for row in rows],
        _VALIDATION[split]: [(row["val_accuracy"], row["val_loss"]) for row in rows],
    }
    _draw(lines, out_dir / CURVES_PICTURE)


def draw_both(leaky: Sequence[Epoch], honest: Sequence[Epoch], file: Path) -> None:
    """Training and validation of a run split by patch and of one split by patient, in one picture."""
    lines: Lines = {}
    for name, rows in (("by patch", leaky), ("by patient", honest)):
        lines[f"training, {name}"] = [(row["accuracy"], row["loss"]) for row in rows]
        lines[f"validation, {name}"] = [(row["val_accuracy"], row["val_loss"]) for row in rows]
    _draw(lines, file)


def _draw(lines: Lines, file: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    for place, (axis, name) in enumerate(zip(axes, ("accuracy", "loss"), strict=True)):
        for label, points in lines.items():
            axis.plot(range(1, len(points) + 1), [point[place] for point in points], marker=".", label=label)
        axis.set_xlabel("epoch")
        axis.set_title(name)
        axis.legend(fontsize=8)
    figure.tight_layout()
    # No date or version inside: the same figures give the same file.
    replace_file(file, lambda fresh: figure.savefig(fresh, dpi=90, metadata={"Software": None}))
    plt.close(figure)
