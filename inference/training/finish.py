"""From the runs of a cross-validation to a model folder: graph, calibration, operating points, figures, card."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference import metrics
from inference.card import CARD_FILE, GRAPH_FILE, Calibration
from inference.classes import CLASSES
from inference.crops import TURNS, read_crop, reading_places, windows_at
from inference.files import replace_file, replace_json
from inference.findings import peak_scores
from inference.metrics import Predictions
from inference.onnx_graph import build_graph, weights_of
from inference.sweep import SweepModel, combined, outputs_of
from inference.sweeping_engine import smoothed_sweep
from inference.training import calibrate, plots
from inference.training.answers import Answers
from inference.training.card_text import card_markdown, shared_facts
from inference.training.cross_validate import (
    Plan,
    answers_about_the_learnt,
    answers_of_one_network,
    folder_of_what_ships,
    network_to_ship,
    read_weights,
    run_folder,
    whole_network,
)
from inference.training.features import Features
from inference.training.labels import Row, grey
from inference.training.normal_tissue import SweptView, held_out_tissue
from inference.training.recipe import VERSION
from inference.training.report import counted_once, report
from preprocessing.patches import SCALES
from preprocessing.prepare import prepare_values, readable_positions

MARKS_TOLD: Final = (1.0, 2.0, 4.0)
_CELL: Final = 32


def finish_model(
    features: Features,
    answers: Answers,
    rows: Sequence[Row],
    fold_of: Mapping[str, int],
    plan: Plan,
    runs: Path,
    out_dir: Path,
    *,
    recipe: dict[str, Any],
    draws: int,
    progress: Callable[[str], None],
) -> Path:
    """Write `model.onnx`, `card.json`, `card.md` and pictures to `out_dir`; returns the card's path.

    Every figure, the calibration and the operating points come from `answers` about held-out patients and from sweeps
    over their views; none of it is a test figure. `recipe` goes into the card as it is.
    """
    given = calibrate.cross_fitted(answers)
    # What ships is one network, so what is fixed here is fixed on the answers of one.
    one = answers_of_one_network(plan, runs)
    given_by_one = calibrate.cross_fitted(one)
    calibration = calibrate.best_calibration(one)
    progress(f"Scales weigh {calibration.weights}; figures follow.")
    views, swept = _sweep_held_out(one, rows, fold_of, plan, runs, progress)
    women = held_out_tissue(views, given_by_one.part(one.origins == "lesion film"))
    lesions_by_one = given_by_one.part(one.origins == "lesion")
    mark = calibrate.mark_threshold(women)
    high, medium = calibrate.attention_thresholds(lesions_by_one, mark)
    progress(f"Mark from {mark}, attention from {high} and {medium}.")
    network = network_to_ship(features, plan, runs, progress)
    graph = build_graph(weights_of(network), version=VERSION)
    replace_file(out_dir / GRAPH_FILE, lambda fresh: onnx.save(graph, str(fresh)))
    card: dict[str, Any] = {
        "name": "EfficientNet-Lite0 at two scales",
        "version": VERSION,
        "classes": list(CLASSES),
        "scales": [{"name": s.name, "millimetres": s.millimetres, "side": s.side} for s in SCALES],
        "operating_points": {"mark": mark, "attention_high": high, "attention_medium": medium},
        "marks_an_image": {f"{marks:g}": calibrate.mark_threshold(women, marks) for marks in MARKS_TOLD},
        "calibration": calibration.model_dump(),
        "parameters": int(network.count_params()),
        "graph_bytes": (out_dir / GRAPH_FILE).stat().st_size,
        "recipe": recipe,
        "split": _split(answers, fold_of, features),
        "figures": {
            **report(answers, given, draws),
            **_of_one_network(lesions_by_one, plan, draws),
            "sweep_class_wise_ece": None
            if swept is None
            else metrics.with_interval(metrics.class_wise_calibration_error, swept, draws=draws),
            "marks_per_normal_view": [sum(peak >= mark for peak in view.peaks) for view in views],
            "women_of_the_operating_point": len(women),
            "lesion_crops_marked": round(float(np.mean(1.0 - lesions_by_one.probabilities[:, 0] >= mark)), 4),
            "lesion_malignancy_auroc_on_what_was_learnt": _on_the_learnt(features, fold_of, plan, runs, calibration),
        },
        **shared_facts(),
    }
    replace_json(out_dir / CARD_FILE, card)
    _draw(answers, given, rows, plan, runs, out_dir)
    (out_dir / "card.md").write_text(card_markdown(card), encoding="utf-8")
    return out_dir / CARD_FILE


def _of_one_network(lesions: Predictions, plan: Plan, draws: int) -> dict[str, Any]:
    """What to expect of one network, as what ships is; nothing where one network gave every figure."""
    if len(plan.seeds) == 1:
        return {}
    return {
        f"{name}_of_one_network": metrics.with_interval(metric, lesions, draws=draws)
        for name, metric in {
            "lesion_malignancy_auroc": metrics.lesion_malignancy_auroc,
            "lesion_balanced_accuracy": metrics.lesion_balanced_accuracy,
            "lesion_class_wise_ece": metrics.class_wise_calibration_error,
        }.items()
    }


def _on_the_learnt(
    features: Features, fold_of: Mapping[str, int], plan: Plan, runs: Path, calibration: Calibration
) -> dict[str, float | None]:
    """Of what ships, and of the first fold's first network, on the lesions that each has learnt from."""
    runs_of = {
        "what ships": (None, folder_of_what_ships(runs, plan)),
        "the first fold's network": (plan.folds[0], run_folder(runs, plan.folds[0], plan.seeds[0])),
    }
    told: dict[str, float | None] = {}
    for name, (fold, run) in runs_of.items():
        learnt = answers_about_the_learnt(features, dict(fold_of), fold, run)
        value = metrics.lesion_malignancy_auroc(learnt.part(learnt.origins == "lesion").predictions(calibration))
        told[name] = None if value is None else round(value, 4)
    return told


def _sweep_held_out(
    answers: Answers,
    rows: Sequence[Row],
    fold_of: Mapping[str, int],
    plan: Plan,
    runs: Path,
    progress: Callable[[str], None],
) -> tuple[list[SweptView], Predictions | None]:
    """Each held-out normal view, and the first fold's crops, read by the sweep.

    By the first seed's networks, whose `answers` about other folds calibrate each.
    """
    found: list[SweptView] = []
    swept: Predictions | None = None
    names = {str(patient) for patient in answers.patients[answers.origins == "film normal"]}
    for place, fold in enumerate(plan.folds):
        held = [row for row in rows if fold_of[row.patient_id] == fold]
        views = [row for row in held if row.kind == "full" and row.patient_id in names and row.path.suffix != ".png"]
        if not views and place:
            continue
        others = answers.part(answers.fold != fold) if len(plan.folds) > 1 else answers
        calibration = calibrate.best_calibration(others)
        weights = read_weights(run_folder(runs, fold, plan.seeds[0]) / "weights.npz")
        with tempfile.TemporaryDirectory() as folder:
            graph = build_graph(weights_of(whole_network(weights)), version=f"{VERSION}-fold{fold}")
            onnx.save(graph, str(Path(folder) / GRAPH_FILE))
            sweep = SweepModel(Path(folder))
        for row in views:
            prepared = prepare_values(grey(row.path), Dataset())
            smoothed = smoothed_sweep(sweep, prepared, calibration)
            readable = readable_positions(prepared)
            found.append(SweptView(row.patient_id, peak_scores(smoothed, readable), int(readable.sum())))
        if not place:
            crops = [row for row in held if row.kind == "crop" and row.label != "normal"]
            swept = _crops_by_sweep(sweep, crops, calibration)
            progress(f"Swept {len(crops)} held-out crops.")
    return found, swept


def _crops_by_sweep(sweep: SweepModel, rows: Sequence[Row], calibration: Calibration) -> Predictions | None:
    """Crops read as the sweep reads: real tissue around the window instead of the network's zero padding."""
    logits: list[NDArray[np.float32]] = []
    used: list[Row] = []
    areas: list[int] = []
    for row in rows:
        pixels = grey(row.path)
        crop = read_crop(pixels)
        if crop.shows_nothing:
            continue
        means: list[NDArray[np.float32]] = []
        for scale in SCALES:
            contrast = crop.contrast[scale.name]
            windows = windows_at(contrast, reading_places(contrast, scale), scale.side + 2 * _CELL)[::TURNS]
            cells = sweep.cells(np.stack(windows))[:, 1:-1, 1:-1, outputs_of(scale)]
            means.append(cells.mean(axis=(0, 1, 2)))
        logits.append(np.stack(means))
        used.append(row)
        areas.append(pixels.size)
    if not used:
        return None
    probabilities = combined(np.stack(logits, axis=1), calibration).astype(np.float64)
    truth = np.asarray([CLASSES.index(row.label) for row in used], dtype=np.int64)
    patients = np.asarray([row.patient_id for row in used], dtype=np.str_)
    return Predictions(probabilities, truth, patients, np.asarray(areas, dtype=np.float64))


def _split(answers: Answers, fold_of: Mapping[str, int], features: Features) -> dict[str, Any]:
    """How many patients and images took part; names stay with the data."""
    first = {(record.file, record.label): record for record in features.records}.values()
    counts = {name: sum(CLASSES[record.label] == name for record in first) for name in CLASSES}
    return {
        "by": "patient, stratified by her most severe label, in five folds",
        "patients": len(set(fold_of)),
        "images": counts,
        "held_out_answers": {
            str(origin): int((answers.origins == origin).sum()) for origin in np.unique(answers.origins)
        },
    }


def _draw(answers: Answers, given: Predictions, rows: Sequence[Row], plan: Plan, runs: Path, out_dir: Path) -> None:
    curves = [
        json.loads((run_folder(runs, fold, seed) / "curve.json").read_text(encoding="utf-8"))
        for fold in plan.folds
        for seed in plan.seeds
    ]
    ships = folder_of_what_ships(runs, plan)
    if ships.name.startswith("everybody"):
        curves.append(json.loads((ships / "curve.json").read_text(encoding="utf-8")))
    plots.draw_curves(curves, out_dir / "curves.png")
    counted = given.part(counted_once(answers))
    plots.draw_confusion(counted, out_dir / "confusion.png")
    plots.draw_reliability(counted, out_dir / "reliability.png")
    plots.draw_roc(counted, out_dir / "roc.png")
    # The DDSM normals come without a licence text: only CBIS-DDSM crops (CC BY 3.0) are shown.
    lesions = np.flatnonzero(answers.origins == "lesion")
    chosen = np.random.default_rng(0).permutation(lesions)[: plots.EXAMPLES]
    by_name = {row.path.name: row for row in rows if row.kind == "crop"}
    windows = [plots.middle_window(grey(by_name[str(answers.files[number])].path)) for number in chosen]
    plots.draw_examples(windows, given.part(chosen), out_dir / "examples.png")
