"""Figures against cases worked out by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from inference import metrics
from inference.metrics import Predictions
from inference.training.calibrate import best_temperature, mark_threshold


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
    one = Predictions(given.probabilities, given.truth, np.array(["P"] * len(given.truth)), given.areas)
    interval = metrics.with_interval(metrics.balanced_accuracy, one, draws=10)
    # With one patient every draw is the same.
    assert interval is not None
    assert interval["ci95"] == [interval["value"], interval["value"]]
    several = metrics.with_interval(metrics.balanced_accuracy, given, draws=50)
    assert several is not None
    assert several["ci95"][0] < several["value"] < several["ci95"][1]


def test_the_temperature_of_logits_too_sure_of_themselves_is_above_one() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 5, 2000)
    honest = np.log(np.eye(5)[truth] * 0.5 + 0.1)
    noisy = honest[np.arange(2000)]
    sampled = np.asarray([generator.choice(5, p=np.exp(row) / np.exp(row).sum()) for row in noisy])
    assert best_temperature((honest * 3).astype(np.float32), sampled) == pytest.approx(3.0, rel=0.1)


def test_the_operating_point_leaves_one_mark_an_image_and_one_quiet_window_in_twenty() -> None:
    peaks = [[0.9, 0.8, 0.7], [0.95, 0.6], [0.5]]
    threshold = mark_threshold(peaks, np.zeros(0))
    assert sum(peak >= threshold for image in peaks for peak in image) <= 3
    assert mark_threshold(peaks, np.linspace(0, 1, 101)) == pytest.approx(0.95)
