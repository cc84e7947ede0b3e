"""From a fitted network to a model folder: graph, calibration, operating points, figures, card."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from inference.card import CARD_FILE, GRAPH_FILE
from inference.classes import CLASSES
from inference.evaluate import figures
from inference.metrics import DRAWS, Predictions, auroc, malignancy_share, with_interval
from inference.network import STRIDE, sweep_network
from inference.onnx_graph import build_graph, weights_of
from inference.predict import crop_logits, crop_probabilities, crop_windows, grey, pooled_windows, window_logits
from inference.sweep import SweepModel, softmax
from inference.training import calibrate, plots
from inference.training.card_text import card_markdown, shared_facts
from inference.training.labels import Row
from inference.training.samples import Sample
from preprocessing.geometry import MILLIMETRES
from preprocessing.patches import WINDOW_SIDE
from preprocessing.prepare import PreparedImage, prepare_values, readable_positions

VERSION: Final = "0.1.0-reference"
_PLACES: Final = 40
_CLOSE: Final = 1


def finish_model(
    network: Any,
    training: Sequence[Sample],
    validation: Sequence[Sample],
    validation_rows: Sequence[Row],
    out_dir: Path,
    *,
    recipe: dict[str, Any],
    draws: int = DRAWS,
    progress: Callable[[str], None],
) -> Path:
    """Write `model.onnx`, `card.json`, `card.md` and pictures to `out_dir`; returns the card's path.

    Every figure, the temperature and the operating points come from `validation`, patients the network never saw in
    training; none of it is a test figure. `recipe` goes into the card as it is.
    """
    graph = build_graph(weights_of(sweep_network(network)), version=VERSION)
    onnx.save(graph, str(out_dir / GRAPH_FILE))
    sweep = SweepModel(out_dir)
    lesions = [sample for sample in validation if sample.label != "normal"]
    woman = _as_windows([sample for sample in validation if sample.origin == "film normal"])
    film = _as_windows([sample for sample in validation if sample.origin == "lesion film"])
    crops = [sample for sample in validation if sample.label == "normal" and sample.origin == "lesion"]
    normals = [*woman, *film, *crops]
    progress(f"Held out: {len(lesions)} lesion crops, {len(normals)} windows of normal tissue.")

    samples = [*lesions, *normals]
    logits = crop_logits(sweep, samples)
    temperature = calibrate.best_temperature(np.stack([one[0] for one in logits]), _truth(samples))
    given = _predictions(samples, pooled_windows(logits, temperature))
    of_lesions = given.part(given.truth > 0)
    origins = np.asarray([sample.origin for sample in samples])

    views = [prepare_values(grey(row.path), Dataset()) for row in validation_rows if row.kind == "full"]
    peaks_of_views = [_peaks(sweep, view, temperature) for view in views]
    quiet = given.part((given.truth == 0) & (origins != "film normal"))
    mark = calibrate.mark_threshold(peaks_of_views, 1.0 - quiet.probabilities[:, 0])
    high, medium = calibrate.attention_thresholds(of_lesions, mark)
    progress(f"Temperature {temperature}, mark from {mark}, attention from {high} and {medium}.")

    card: dict[str, Any] = {
        "name": "four-block reference network",
        "version": VERSION,
        "classes": list(CLASSES),
        "window_side": WINDOW_SIDE,
        "stride": STRIDE,
        "millimetres_per_pixel": MILLIMETRES,
        "operating_points": {"mark": mark, "attention_high": high, "attention_medium": medium},
        "calibration": {"temperature": temperature},
        "parameters": int(network.count_params()),
        "recipe": recipe,
        "split": _split(training, validation),
        "figures": {
            **figures(given, draws=draws),
            **_more_figures(of_lesions, lesions, draws),
            "normal_recall": {
                "a woman left out": _called_normal(given.part(origins == "film normal")),
                "the same, all windows shifted by half a pixel": _called_normal(
                    _predictions(woman, crop_probabilities(sweep, woman, temperature, shift=0.5))
                ),
                "tissue of the lesion films outside the bright spots": _called_normal(
                    given.part(origins == "lesion film")
                ),
            },
            "marks_per_normal_view": [sum(peak >= mark for peak in found) for found in peaks_of_views],
            "lesion_crops_marked": round(float(np.mean(1.0 - of_lesions.probabilities[:, 0] >= mark)), 4),
            "sweep_against_windows": _sweep_difference(sweep, views, temperature),
        },
        **shared_facts(),
    }
    (out_dir / CARD_FILE).write_text(json.dumps(card, indent=1), encoding="utf-8")
    curves = out_dir / "curves.json"
    if curves.is_file():
        plots.draw_curves(json.loads(curves.read_text(encoding="utf-8")), out_dir / "curves.png")
    plots.draw_confusion(given, out_dir / "confusion.png")
    plots.draw_reliability(given, out_dir / "reliability.png")
    # The DDSM normals come without a licence text: only CBIS-DDSM tissue (CC BY 3.0) is shown.
    shown = np.flatnonzero(origins != "film normal")
    plots.draw_examples(
        [crop_windows(samples[int(place)])[0] for place in shown], given.part(shown), out_dir / "examples.png"
    )
    (out_dir / "card.md").write_text(card_markdown(card), encoding="utf-8")
    return out_dir / CARD_FILE


def _as_windows(samples: Sequence[Sample]) -> list[Sample]:
    """Normal tissue, one sample a place."""
    return [replace(sample, places=(place,)) for sample in samples for place in sample.places[:_PLACES]]


def _truth(samples: Sequence[Sample]) -> NDArray[np.int64]:
    return np.asarray([CLASSES.index(sample.label) for sample in samples], dtype=np.int64)


def _predictions(samples: Sequence[Sample], probabilities: NDArray[np.float64]) -> Predictions:
    return Predictions(
        probabilities,
        _truth(samples),
        np.asarray([sample.patient_id for sample in samples], dtype=np.str_),
        np.asarray([sample.area for sample in samples], dtype=np.float64),
    )


def _peaks(sweep: SweepModel, view: PreparedImage, temperature: float) -> list[float]:
    probabilities = softmax(sweep.logits(view.contrast), temperature)
    return calibrate.peaks(probabilities, readable_positions(view, probabilities.shape))


def _split(training: Sequence[Sample], validation: Sequence[Sample]) -> dict[str, Any]:
    """How many images and patients on each side; the names of the held-out stay with the data."""

    def side(samples: Sequence[Sample]) -> dict[str, Any]:
        counts = {name: sum(sample.label == name for sample in samples) for name in CLASSES}
        return {"patients": len({sample.patient_id for sample in samples}), "images": counts}

    return {
        "by": "patient, stratified by her most severe label",
        "training": side(training),
        "held_out": side(validation),
    }


def _called_normal(normals: Predictions) -> float | None:
    if not len(normals.truth):
        return None
    return round(float((normals.probabilities.argmax(axis=1) == 0).mean()), 4)


def _more_figures(of_lesions: Predictions, lesions: Sequence[Sample], draws: int) -> dict[str, Any]:
    """By type, without padding, CC and MLO together, within strata of crop size."""
    share = malignancy_share(of_lesions.probabilities)
    unpadded = np.asarray([min(sample.image.shape) >= WINDOW_SIDE for sample in lesions])
    by_patient_type = _pooled_by_patient(of_lesions)

    def on(chosen: NDArray[np.bool_]) -> dict[str, Any] | None:
        return with_interval(_malignancy, of_lesions.part(chosen), draws=draws)

    return {
        "lesion_malignancy_auroc_calcification": on(np.isin(of_lesions.truth, (1, 3))),
        "lesion_malignancy_auroc_mass": on(np.isin(of_lesions.truth, (2, 4))),
        "lesion_malignancy_auroc_unpadded": on(unpadded),
        "unpadded_crops": int(unpadded.sum()),
        "lesion_malignancy_auroc_views_of_a_patient_averaged": with_interval(_malignancy, by_patient_type, draws=draws),
        "lesion_malignancy_auroc_within_size_strata": _stratified(of_lesions, share),
    }


def _malignancy(given: Predictions) -> float | None:
    return auroc(given.truth >= 3, malignancy_share(given.probabilities))


def _pooled_by_patient(given: Predictions) -> Predictions:
    """Lesions of one patient and class averaged: CC and MLO of a lesion become one."""
    keys = [f"{patient}|{label}" for patient, label in zip(given.patients, given.truth, strict=True)]
    names, where = np.unique(np.asarray(keys), return_inverse=True)
    first = [int(np.flatnonzero(where == place)[0]) for place in range(len(names))]
    means = np.stack([given.probabilities[where == place].mean(axis=0) for place in range(len(names))])
    return Predictions(means, given.truth[first], given.patients[first], given.areas[first])


def _stratified(given: Predictions, share: NDArray[np.float64]) -> float | None:
    """Malignancy AUROC inside sextiles of crop area of each type, weighted by pairs: crop size can't help here."""
    pairs, total = 0.0, 0.0
    for classes in ((1, 3), (2, 4)):
        rows = np.flatnonzero(np.isin(given.truth, classes))
        for stratum in np.array_split(rows[np.argsort(given.areas[rows])], 6):
            malignant = given.truth[stratum] >= 3
            value = auroc(malignant, share[stratum])
            if value is not None:
                weight = float(malignant.sum() * (~malignant).sum())
                pairs, total = pairs + value * weight, total + weight
    return _rounded(pairs / total) if total else None


def _sweep_difference(sweep: SweepModel, views: Sequence[PreparedImage], temperature: float) -> dict[str, float] | None:
    """How far a position of the sweep is from the same window read alone: real tissue instead of zero padding."""
    if not views:
        return None
    contrast = views[0].contrast
    swept = softmax(sweep.logits(contrast), temperature)
    rows, columns = (np.arange(_CLOSE, length - _CLOSE, 3) for length in swept.shape[:2])
    places = [(int(row), int(column)) for row in rows for column in columns]
    windows = [
        contrast[STRIDE * row : STRIDE * row + WINDOW_SIDE, STRIDE * column : STRIDE * column + WINDOW_SIDE]
        for row, column in places
    ]
    alone = softmax(window_logits(sweep, windows), temperature)
    apart = np.abs(np.stack([swept[place] for place in places]) - alone).max(axis=1)
    return {"mean": _rounded(float(apart.mean())) or 0.0, "largest": _rounded(float(apart.max())) or 0.0}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
