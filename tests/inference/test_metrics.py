"""Figures against cases worked out by hand and against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from inference import metrics
from inference.figures import figures, lesion_figures, marks_per_view
from inference.metrics import Predictions
from inference.training.answers import Answers
from inference.training.calibrate import NormalTissue, best_calibration, cross_fitted, mark_threshold
from inference.training.normal_tissue import SweptView, held_out_tissue


def drawn(n: int = 300, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 5, n)
    probabilities = generator.dirichlet(np.ones(5), n) + np.eye(5)[truth] * 0.4
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(probabilities, truth, np.array([f"P_{i // 3}" for i in range(n)]), generator.random(n))


def test_figures_agree_with_scikit_learn() -> None:
    given = drawn()
    called = given.probabilities.argmax(axis=1)
    assert metrics.balanced_accuracy(given) == pytest.approx(balanced_accuracy_score(given.truth, called))
    assert metrics.macro_f1(given) == pytest.approx(f1_score(given.truth, called, average="macro"))
    lesions = given.truth > 0
    share = metrics.malignancy_share(given.probabilities)
    expected = roc_auc_score(given.truth[lesions] >= 3, share[lesions])
    assert metrics.lesion_malignancy_auroc(given) == pytest.approx(expected)


def test_ties_count_half() -> None:
    assert metrics.auroc(np.array([True, False]), np.array([0.5, 0.5])) == 0.5


def test_a_figure_that_the_data_cannot_tell_is_none() -> None:
    given = drawn()
    benign = given.part(np.isin(given.truth, (1, 2)))
    assert metrics.lesion_malignancy_auroc(benign) is None
    assert metrics.lesion_balanced_accuracy(benign) is None
    assert metrics.balanced_accuracy(benign) is None
    assert metrics.with_interval(metrics.lesion_malignancy_auroc, benign, draws=5) is None


def test_perfect_and_certain_predictions_have_no_calibration_error() -> None:
    truth = np.arange(5)
    given = Predictions(np.eye(5), truth, np.array(list("abcde")), np.zeros(5))
    assert metrics.expected_calibration_error(given) == 0.0
    assert metrics.brier(given) == 0.0
    wrong = Predictions(np.eye(5)[[1, 2, 3, 4, 0]], truth, np.array(list("abcde")), np.zeros(5))
    assert metrics.expected_calibration_error(wrong) == 1.0
    assert metrics.brier(wrong) == 2.0


def test_the_interval_draws_patients_and_not_images() -> None:
    given = drawn()
    repeated = np.repeat(np.arange(len(given.truth)), 9)
    widths = []
    for images in (given, given.part(repeated)):
        interval = metrics.with_interval(metrics.balanced_accuracy, images, draws=200)
        assert interval is not None
        low, high = interval["ci95"]
        assert low < interval["value"] < high
        widths.append(high - low)
    # The same patients with nine times the images know no more; drawn as images they would look three times surer.
    assert widths[1] == pytest.approx(widths[0], rel=0.01)


def test_there_is_no_interval_below_five_patients() -> None:
    given = drawn()
    for patients, told in ((1, False), (4, False), (5, True)):
        few = replace(given, patients=np.asarray([f"P_{place % patients}" for place in range(len(given.truth))]))
        interval = metrics.with_interval(metrics.balanced_accuracy, few, draws=20)
        assert interval is not None
        assert interval["value"] == pytest.approx(metrics.balanced_accuracy(given), abs=1e-4)
        assert (interval["ci95"] is not None) is told


def test_women_without_a_lesion_give_no_interval_to_a_figure_of_lesions() -> None:
    given = drawn()
    names = np.where(given.truth > 0, np.char.add("L_", (np.arange(len(given.truth)) % 4).astype(str)), given.patients)
    told = figures(replace(given, patients=names), draws=20)
    assert told["patients"] > 20
    assert told["lesion_malignancy_auroc"]["ci95"] is None
    assert told["lesion_balanced_accuracy"]["ci95"] is None
    assert told["balanced_accuracy"]["ci95"] is not None


@pytest.mark.parametrize("figure", [metrics.expected_calibration_error, metrics.class_wise_calibration_error])
@pytest.mark.parametrize("sureness", [1.0, 3.0])
def test_a_calibration_error_lies_in_the_middle_of_its_own_interval(figure: metrics.Figure, sureness: float) -> None:
    for seed in range(5):
        interval = metrics.with_interval(figure, as_sure_as_right(sureness, seed), draws=200)
        assert interval is not None
        low, high = interval["ci95"]
        assert 0.0 <= low < interval["value"] < high
        assert (low + high) / 2 == pytest.approx(interval["value"], abs=0.2 * (high - low))


def as_sure_as_right(sureness: float, seed: int) -> Predictions:
    """Truth drawn from the probabilities of 300 patients: calibrated when `sureness` is 1, too sure above."""
    generator = np.random.default_rng(seed)
    honest = generator.dirichlet(np.full(5, 0.7), 600)
    truth = np.asarray([generator.choice(5, p=row) for row in honest])
    said = honest**sureness
    said /= said.sum(axis=1, keepdims=True)
    return Predictions(said, truth, (np.arange(600) // 2).astype(str), np.ones(600))


def test_calibration_brings_logits_that_are_too_sure_of_themselves_back() -> None:
    answers = some_answers(sureness=3.0)
    found = best_calibration(answers)
    # The fine scale knows, the coarse one was given nothing but noise.
    assert found.weights[0] == pytest.approx(1 / 3, rel=0.15)
    assert found.weights[1] == pytest.approx(0.0, abs=0.1)
    given = answers.predictions(found)
    error = metrics.class_wise_calibration_error(given)
    assert error is not None
    assert error < 0.03


def test_an_answer_is_calibrated_by_the_other_folds_only() -> None:
    answers = some_answers(sureness=3.0)
    expected = answers.part(answers.fold == 1).predictions(best_calibration(answers.part(answers.fold != 1)))
    crossed = cross_fitted(answers)
    assert np.allclose(crossed.probabilities[answers.fold == 1], expected.probabilities)
    assert np.array_equal(crossed.truth, answers.truth)


def by_size_alone(areas: metrics.Floats, truth: metrics.Ints) -> Predictions:
    """What a network says that sees nothing but the crop's size."""
    said = np.full((len(areas), 5), 0.01)
    said[:, 3] = areas / (2 * areas.max())
    said[:, 1] = 0.97 - said[:, 3]
    return Predictions(said, truth, np.arange(len(areas)).astype(str), areas)


def test_crop_size_helps_less_within_size_strata_and_what_is_left_is_told_beside() -> None:
    generator = np.random.default_rng(0)
    areas = generator.uniform(1e4, 1e6, 600)
    given = by_size_alone(areas, np.where(generator.uniform(size=600) < areas / 1e6, 3, 1))
    told = lesion_figures(given, np.full(600, 600), draws=20)
    within = told["lesion_malignancy_auroc_within_size_strata"]
    whole = metrics.lesion_malignancy_auroc(given)
    assert whole is not None
    assert 0.5 < within["value"] < whole - 0.2
    assert told["area_only_auroc_within_size_strata"] == within


def test_size_strata_do_not_take_size_away() -> None:
    # Six strata of one benign crop and a larger malignant one: within them size tells everything.
    given = by_size_alone(np.arange(1.0, 13.0), np.array([1, 3] * 6))
    assert metrics.area_within_size_strata(given) == 1.0
    assert metrics.within_size_strata(given) == 1.0
    assert metrics.lesion_area_auroc(given) == pytest.approx(21 / 36)


def test_unpadded_means_the_fine_window_and_at_both_scales_the_coarse_one_too() -> None:
    sides = np.array([319, 319, 320, 320, 511, 511, 512, 512])
    answers = np.full((8, 5), 0.1)
    answers[:, 3] = [0.1, 0.9, 0.9, 0.1, 0.9, 0.1, 0.1, 0.9]
    given = Predictions(answers, np.array([1, 3] * 4), np.array(list("abcdefgh")), np.array([9, 1, 9, 1, 0.5, 9, 9, 1]))
    told = lesion_figures(given, sides, draws=20)
    assert (told["unpadded_crops"], told["unpadded_crops_at_both_scales"]) == (6, 2)
    assert told["lesion_malignancy_auroc_unpadded_at_both_scales"]["value"] == 1.0
    assert told["area_only_auroc_unpadded_at_both_scales"]["value"] == 0.0
    assert told["lesion_malignancy_auroc_unpadded"]["value"] == pytest.approx(3 / 9, abs=1e-4)
    assert told["area_only_auroc_unpadded"]["value"] == pytest.approx(4 / 9, abs=1e-4)


def test_marks_are_counted_all_or_no_more_than_are_reported() -> None:
    peaks = [[0.9, 0.8, 0.7, 0.6], [0.9], []]
    assert marks_per_view(peaks, {"low": 0.6, "high": 0.9}) == {"low": round(5 / 3, 4), "high": round(2 / 3, 4)}
    assert marks_per_view(peaks, {"low": 0.6, "high": 0.9}, 2) == {"low": 1.0, "high": round(2 / 3, 4)}


def some_answers(sureness: float) -> Answers:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 5, 2000)
    honest = np.log(np.eye(5)[truth] * 0.5 + 0.1)
    sampled = np.asarray([generator.choice(5, p=np.exp(row) / np.exp(row).sum()) for row in honest])
    logits = np.stack([honest * sureness, generator.normal(size=(2000, 5))], axis=1)
    names = np.arange(2000).astype(str)
    return Answers(
        logits.astype(np.float32), sampled, np.full(2000, "lesion"), names, np.ones(2000), np.full(2000, 400), names,
        np.arange(2000) % 4,
    )  # fmt: skip


def test_the_operating_point_leaves_as_many_marks_a_view_as_allowed_on_average_over_women() -> None:
    many = NormalTissue(np.asarray([0.9, 0.8, 0.7, 0.6]), 0.5)  # of two views
    few = NormalTissue(np.asarray([0.95, 0.85]), 1.0)
    women = [many, few]

    def marks_a_view(threshold: float) -> float:
        return float(np.mean([(woman.scores >= threshold).sum() * woman.marks_each for woman in women]))

    assert marks_a_view(mark_threshold(women)) == pytest.approx(0.75)
    assert mark_threshold(women) == pytest.approx(0.8501)  # with it there would be 1.25
    assert marks_a_view(mark_threshold(women, 1.25)) == pytest.approx(1.25)
    assert mark_threshold(women, 9) == 0.5
    assert mark_threshold([]) == 0.5


@given(st.lists(st.lists(st.floats(0.5, 0.999), max_size=6), min_size=1, max_size=6), st.floats(0.1, 4))
def test_no_operating_point_leaves_more_marks_than_allowed(scores: list[list[float]], marks: float) -> None:
    women = [NormalTissue(np.asarray(hers), 0.5) for hers in scores]
    threshold = mark_threshold(women, marks)
    assert np.mean([(woman.scores >= threshold).sum() * 0.5 for woman in women]) <= marks + 1e-6


def test_a_few_windows_of_a_film_stand_for_as_many_as_fit_into_a_breast() -> None:
    quiet = Predictions(
        np.asarray([[0.1, 0.9, 0, 0, 0], [0.9, 0.1, 0, 0, 0]], dtype=float),
        np.zeros(2, dtype=np.int64),
        np.asarray(["L", "L"]),
        np.zeros(2),
    )
    views = [SweptView("N", [0.7], 640), SweptView("N", [0.8, 0.6], 640)]
    normal, lesion = held_out_tissue(views, quiet)
    assert (sorted(normal.scores), normal.marks_each) == ([0.6, 0.7, 0.8], 0.5)
    assert (sorted(lesion.scores.round(6)), lesion.marks_each) == ([0.1, 0.9], 5.0)  # 640 / 64 windows, two seen
