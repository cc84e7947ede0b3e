"""From a map to marks, to an image's probabilities, to a study's attention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.card import read_model_info
from inference.classes import CLASSES
from inference.findings import MOST_FINDINGS, find_places, tracking_uid
from inference.pooling import most_likely, odds_ratio, pool_image, smooth_map
from inference.results import Finding, ViewResult
from inference.study import summarise_study

MARK = 0.7


def quiet_map(rows: int = 30, columns: int = 20) -> np.ndarray:
    probabilities = np.full((rows, columns, 5), 0.02, dtype=np.float32)
    probabilities[..., 0] = 0.92
    return probabilities


def with_peak(probabilities: np.ndarray, row: int, column: int, lesion: tuple[float, ...], around: float = 0.6) -> None:
    for r in range(row - 1, row + 2):
        for c in range(column - 1, column + 2):
            part = np.asarray(lesion, dtype=np.float32) * np.float32(1.0 if (r, c) == (row, column) else around)
            probabilities[r, c] = np.concatenate(([1.0 - part.sum()], part))


def places(probabilities: np.ndarray, readable: np.ndarray | None = None) -> tuple[Finding, ...]:
    shown = np.ones(probabilities.shape[:2], dtype=bool) if readable is None else readable
    return find_places(
        probabilities,
        shown,
        mark=MARK,
        sop_instance_uid="1.2.3",
        model_version="1",
        to_stored=lambda x, y: (64 * x, 64 * y),
    )


def test_nothing_is_marked_and_the_label_is_normal_where_nothing_stands_out() -> None:
    probabilities = quiet_map()
    assert places(probabilities) == ()
    pooled = pool_image(probabilities, np.ones((30, 20), dtype=bool), MARK)
    assert most_likely(pooled) == "normal"


def test_a_peak_becomes_one_mark_with_its_type_place_and_malignancy() -> None:
    probabilities = quiet_map()
    with_peak(probabilities, 12, 7, (0.02, 0.2, 0.08, 0.65))
    (finding,) = places(probabilities)
    assert finding.type == "mass"
    assert finding.center == (7 * 64, 12 * 64)
    assert finding.score == pytest.approx(0.95, abs=1e-5)
    assert finding.malignancy_score == pytest.approx(0.73 / 0.95, abs=1e-5)
    assert finding.outline[0] == finding.outline[-1]
    assert all(abs(x - 448) <= 3 * 64 and abs(y - 768) <= 3 * 64 for x, y in finding.outline)
    with_peak(probabilities, 22, 12, (0.7, 0.05, 0.1, 0.05))
    assert {found.type for found in places(probabilities)} == {"mass", "calcification"}


def test_two_peaks_of_the_same_tissue_are_one_mark_and_marks_are_capped() -> None:
    probabilities = quiet_map()
    with_peak(probabilities, 12, 7, (0.0, 0.2, 0.1, 0.6))
    with_peak(probabilities, 14, 8, (0.0, 0.2, 0.1, 0.5))
    assert len(places(probabilities)) == 1
    everywhere = np.full((30, 20, 5), 0.24, dtype=np.float32)
    everywhere[..., 0] = 0.04
    assert len(places(everywhere)) == MOST_FINDINGS


def test_nothing_outside_the_breast_is_marked() -> None:
    probabilities = quiet_map()
    with_peak(probabilities, 12, 7, (0.02, 0.2, 0.1, 0.6))
    readable = np.ones((30, 20), dtype=bool)
    readable[10:15, 5:10] = False
    assert places(probabilities, readable) == ()


def test_a_tracking_uid_is_the_same_for_the_same_place_only() -> None:
    uid = tracking_uid("1.2.3", "1", "mass", (10.2, 20.4))
    assert uid == tracking_uid("1.2.3", "1", "mass", (9.9, 20.0))
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    others = [("1.2.4", "1", "mass"), ("1.2.3", "2", "mass"), ("1.2.3", "1", "calcification")]
    assert uid not in {tracking_uid(sop, version, kind, (10.2, 20.4)) for sop, version, kind in others}


@given(st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).filter(lambda values: sum(values) > 0.01))
def test_pooled_probabilities_sum_to_one_and_agree_with_the_marks(values: list[float]) -> None:
    here = np.asarray(values, dtype=np.float32) / np.float32(sum(values))
    probabilities = np.broadcast_to(here, (8, 8, 5)).astype(np.float32)
    pooled = pool_image(probabilities, np.ones((8, 8), dtype=bool), MARK)
    assert sum(pooled.values()) == pytest.approx(1.0, abs=1e-6)
    score = 1.0 - float(here[0])
    if abs(score - MARK) > 1e-3:
        assert (most_likely(pooled) != "normal") == (score > MARK)
        assert bool(places(probabilities)) == (score > MARK)


def test_at_the_operating_point_the_odds_are_even() -> None:
    assert odds_ratio(MARK, MARK) == pytest.approx(1.0)
    assert odds_ratio(0.99, MARK) > 1.0 > odds_ratio(0.1, MARK)


def view(side: str | None, malignant: float, *, marked: bool = True, failed: bool = False) -> ViewResult:
    if failed:
        return ViewResult(sop_instance_uid="1.2", laterality=None, view=None, failure="The image is cut short.")
    normal = 0.0 if marked else 0.9
    rest = 1.0 - normal
    probabilities = dict(zip(CLASSES, (normal, rest * (1 - malignant), 0.0, 0.0, rest * malignant), strict=True))
    finding = Finding(
        tracking_uid="2.25.1", type="mass", score=0.9, malignancy_score=malignant, center=(1.0, 1.0),
        outline=((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 0.0)),
    )  # fmt: skip
    return ViewResult.model_validate(
        {
            "sop_instance_uid": "1.2",
            "laterality": side,
            "view": "CC",
            "label": most_likely(probabilities),
            "probabilities": probabilities,
            "findings": (finding,) if marked else (),
        }
    )


def test_a_study_is_as_malignant_as_its_worse_breast_whose_views_are_averaged() -> None:
    model = read_model_info()
    study = summarise_study([view("R", 0.9), view("R", 0.5), view("L", 0.1), view("L", 0.2)], model, "embedded")
    assert study.malignancy_score == pytest.approx(0.7)
    assert (study.engine, study.model_version) == ("embedded", model.version)


def test_attention_rises_with_the_malignancy_score() -> None:
    model = read_model_info()
    points = model.operating_points
    assert summarise_study([view("R", points.attention_high)], model, "e").attention == "high"
    between = (points.attention_high + points.attention_medium) / 2
    assert summarise_study([view("R", between)], model, "e").attention == "medium"
    assert summarise_study([view("R", 0.0)], model, "e").attention == "low"
    assert summarise_study([view("R", 0.0, marked=False)], model, "e").attention == "none"


def test_a_study_of_normal_views_is_normal() -> None:
    study = summarise_study([view("R", 0.1, marked=False), view("L", 0.1, marked=False)], read_model_info(), "e")
    assert (study.label, study.attention) == ("normal", "none")


def test_failed_views_are_left_out_and_a_study_of_failures_has_no_label() -> None:
    model = read_model_info()
    some = summarise_study([view("R", 0.9), view(None, 0.0, failed=True)], model, "e")
    assert some.malignancy_score == pytest.approx(0.9)
    assert len(some.views) == 2
    none = summarise_study([view(None, 0.0, failed=True)], model, "e")
    assert (none.label, none.malignancy_score, none.attention) == (None, None, "none")


def test_a_speck_that_convinces_one_window_is_averaged_away_and_a_lesion_is_not() -> None:
    readable = np.ones((30, 20), dtype=bool)
    speck, lesion = quiet_map(), quiet_map()
    with_peak(speck, 12, 7, (0.95, 0.0, 0.02, 0.02), around=0.1)
    with_peak(lesion, 12, 7, (0.95, 0.0, 0.02, 0.02), around=0.9)
    assert places(speck)
    assert places(smooth_map(speck, readable)) == ()
    assert len(places(smooth_map(lesion, readable))) == 1


def test_smoothing_keeps_probabilities_and_takes_nothing_from_outside_the_breast() -> None:
    probabilities = quiet_map()
    with_peak(probabilities, 12, 7, (0.1, 0.2, 0.1, 0.6), around=1.0)
    readable = np.ones((30, 20), dtype=bool)
    readable[:, 8:] = False
    smoothed = smooth_map(probabilities, readable)
    assert np.allclose(smoothed.sum(axis=-1), 1.0, atol=1e-5)
    assert (smoothed[:, 8:, 0] == 1.0).all()
    assert smoothed[12, 7] == pytest.approx(probabilities[12, 7], abs=1e-5)
