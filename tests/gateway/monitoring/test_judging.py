"""A source is warned of when its scores have shifted far or many of its images are refused, and not before."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gateway.monitoring.judging import FEWEST_FOR_A_SHARE, judge, refused_share
from gateway.monitoring.weeks import Sent
from inference.drift import FEWEST_IMAGES, ValidationScores, histogram

_SAMPLE = np.random.default_rng(0).beta(1, 4, 3000)
VALIDATION = ValidationScores(
    histogram(_SAMPLE), len(_SAMPLE), tuple(np.quantile(_SAMPLE, np.linspace(0, 1, 101)).tolist())
)


def some(count: int, seed: int = 1, a: float = 1, refused: int = 0) -> Sent:
    scores = np.random.default_rng(seed).beta(a, 4, count).tolist()
    return Sent(scores, studies=count // 4, refused=Counter({"UpsideDown": refused} if refused else {}))


def test_scores_as_at_the_validation_are_well() -> None:
    state, told = judge(some(1000), VALIDATION)
    assert state == "ok"
    assert told.startswith("1000 images of 250 studies; 0.0% refused; PSI 0.0")


def test_a_large_shift_is_a_warning_that_says_where_to_look() -> None:
    state, told = judge(some(1000, a=4), VALIDATION)
    assert state == "warning"
    assert "PSI above 0.25 is a large shift: look at" in told


def test_a_moderate_shift_is_told_and_no_warning() -> None:
    state, told = judge(some(1000, a=1.4), VALIDATION)
    assert state == "ok"
    assert "moderate shift" in told


def test_a_shift_of_too_few_images_is_not_told() -> None:
    state, told = judge(some(FEWEST_IMAGES - 1, a=9), VALIDATION)
    assert state == "ok"
    assert "drift: too few to tell (200 images needed)" in told


def test_a_card_without_scores_is_named_as_the_reason() -> None:
    state, told = judge(some(1000, a=9), None)
    assert state == "ok"
    assert "the model card carries no validation scores" in told


def test_many_refusals_are_a_warning_with_their_reasons() -> None:
    state, told = judge(some(94, refused=6), VALIDATION)
    assert state == "warning"
    assert "6.0% refused (UpsideDown 6); that is more than 5%: `mammogate show`" in told
    assert judge(some(95, refused=5), VALIDATION)[0] == "ok"


def test_the_share_of_a_few_images_is_not_told() -> None:
    few = some(FEWEST_FOR_A_SHARE - 11, refused=10)
    assert refused_share(few) is None
    assert "refused: too few to tell (20 images needed)" in judge(few, VALIDATION)[1]
    assert refused_share(some(FEWEST_FOR_A_SHARE - 10, refused=10)) == 0.5
