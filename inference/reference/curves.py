"""The live curve of a run: `curves.json` and `curves.png`, both rewritten after every epoch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from inference.reference.files import read_json, replace_file, replace_json
from inference.reference.run import CURVES_FILE, CURVES_PICTURE
from inference.reference.split import SplitKind

_VALIDATION: Final[dict[SplitKind, str]] = {
    "patch": "validation (siblings of training patches)",
    "patient": "validation (other patients)",
}
Epoch = dict[str, float]


def read_curves(out_dir: Path) -> list[Epoch]:
    """The epochs so far; empty before the first one."""
    file = out_dir / CURVES_FILE
    return list(read_json(file)) if file.exists() else []


def write_curves(out_dir: Path, rows: Sequence[Epoch], split: SplitKind) -> None:
    """Rewrite both files, atomically."""
    replace_json(out_dir / CURVES_FILE, list(rows))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    epochs = [row["epoch"] for row in rows]
    for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
        axis.plot(epochs, [row[name] for row in rows], marker=".", label="training (dropout on)")
        axis.plot(epochs, [row[f"val_{name}"] for row in rows], marker=".", label=_VALIDATION[split])
        axis.set_xlabel("epoch")
        axis.set_title(name)
        axis.legend(fontsize=8)
    figure.tight_layout()
    # No date or version inside: the same figures give the same file.
    replace_file(out_dir / CURVES_PICTURE, lambda fresh: figure.savefig(fresh, dpi=90, metadata={"Software": None}))
    plt.close(figure)
