"""The figures of drift have the properties that they are known by, and agree with scipy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference.card import CARD_FILE, MODEL_DIR
from inference.drift import (
    FEWEST_IMAGES,
    LARGE,
    MODERATE,
    drift,
    histogram,
    ks_p_value,
    ks_statistic,
    population_stability_index,
    validation_scores,
)

counts = st.lists(st.integers(0, 1000), min_size=10, max_size=10).filter(any)
scores = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def card_of(sample: np.ndarray) -> dict[str, Any]:
    return {
        "validation_scores": {
            "image": list(histogram(sample)),
            "n": len(sample),
            "quantiles": np.quantile(sample, np.linspace(0, 1, 101)).tolist(),
        }
    }


@given(counts, st.integers(1, 50))
def test_equal_shares_have_a_psi_of_0(some: list[int], factor: int) -> None:
    assert population_stability_index(some, [factor * count for count in some]) == pytest.approx(0, abs=1e-12)


@given(counts, counts)
def test_psi_is_never_negative_and_the_same_both_ways(one: list[int], other: list[int]) -> None:
    there, back = population_stability_index(one, other), population_stability_index(other, one)
    assert there >= 0
    assert there == pytest.approx(back)


def test_psi_of_two_bins_is_what_a_pocket_calculator_says() -> None:
    one, other = [50, 50] + [0] * 8, [80, 20] + [0] * 8
    assert population_stability_index(one, other) == pytest.approx(0.3 * np.log(1.6) + 0.3 * np.log(2.5))


@given(scores)
def test_every_score_is_counted_once(some: list[float]) -> None:
    assert sum(histogram(some)) == len(some)


def test_a_score_of_1_belongs_to_the_last_bin_and_a_tenth_to_the_second() -> None:
    assert histogram([0.0, 0.1, 1.0]) == (1, 1, 0, 0, 0, 0, 0, 0, 0, 1)


@given(scores, scores)
def test_the_ks_statistic_is_a_distance(one: list[float], other: list[float]) -> None:
    assert ks_statistic(one, one) == 0
    assert 0 <= ks_statistic(one, other) <= 1
    assert ks_statistic(one, other) == ks_statistic(other, one)


def test_the_ks_statistic_of_samples_apart_is_1() -> None:
    assert ks_statistic([0.1, 0.2], [0.8, 0.9, 1.0]) == 1


@given(st.lists(st.floats(0, 1), min_size=2), st.lists(st.floats(0, 1), min_size=2))
def test_the_ks_statistic_is_scipys(one: list[float], other: list[float]) -> None:
    assert ks_statistic(one, other) == pytest.approx(stats.ks_2samp(one, other, method="asymp").statistic)


@pytest.mark.parametrize(("statistic", "n", "m"), [(0.05, 400, 900), (0.1, 200, 300), (0.15, 250, 1000), (0.9, 99, 99)])
def test_the_p_value_is_scipys_to_two_places(statistic: float, n: int, m: int) -> None:
    exact = float(stats.kstwo.sf(statistic, round(n * m / (n + m))))
    assert ks_p_value(statistic, n, m) == pytest.approx(exact, abs=0.01)


def test_the_p_value_at_the_tabled_critical_distance_is_5_per_cent() -> None:
    assert ks_p_value(1.358 / np.sqrt(5000), 10_000, 10_000) == pytest.approx(0.05, abs=0.002)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_distance_is_never_more_likely(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert 0 <= ks_p_value(far, 300, 500) <= ks_p_value(near, 300, 500) <= 1


def test_scores_from_the_same_distribution_do_not_drift_and_others_do() -> None:
    rng = np.random.default_rng(0)
    validation = validation_scores(card_of(rng.beta(1, 4, 2000)))
    assert validation is not None
    same, other = drift(rng.beta(1, 4, 1000), validation), drift(rng.beta(4, 4, 1000), validation)
    assert same is not None
    assert same.psi < MODERATE
    assert same.p_value > 0.05
    assert other is not None
    assert other.psi > LARGE
    assert other.p_value < 1e-6


def test_the_quantiles_stand_for_the_sample_to_within_a_hundredth() -> None:
    rng = np.random.default_rng(1)
    sample = np.concatenate([np.zeros(700), rng.random(1300)])  # a model that is sure of many
    week = rng.beta(2, 3, 500)
    validation = validation_scores(card_of(sample))
    assert validation is not None
    found = drift(week, validation)
    assert found is not None
    assert found.ks == pytest.approx(ks_statistic(week, sample), abs=0.01)


def test_too_few_images_are_too_few_to_tell() -> None:
    rng = np.random.default_rng(0)
    enough, few = validation_scores(card_of(rng.random(500))), validation_scores(card_of(rng.random(100)))
    assert enough is not None
    assert few is not None
    assert drift(rng.random(FEWEST_IMAGES - 1), enough) is None
    assert drift(rng.random(FEWEST_IMAGES), enough) is not None
    assert drift(rng.random(FEWEST_IMAGES), few) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        {"image": [1] * 9},
        {"image": [-1] + [57] * 9},
        {"n": 3},
        {"n": None},
        {"quantiles": [0.5]},
        {"quantiles": [1.0] * 50 + [0.0] * 51},
    ],
)
def test_a_card_with_unusable_scores_counts_as_one_without(spoilt: dict[str, Any]) -> None:
    card = card_of(np.random.default_rng(0).random(512))
    assert validation_scores(card) is not None
    card["validation_scores"].update(spoilt)
    assert validation_scores(card) is None


def test_the_shipped_card_can_be_asked() -> None:
    validation_scores(json.loads((MODEL_DIR / CARD_FILE).read_text("utf-8")))
    assert validation_scores({}) is None
    assert validation_scores({"validation_scores": "none"}) is None
