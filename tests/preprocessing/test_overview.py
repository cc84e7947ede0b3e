"""The small lossy picture in 16 bits: few bytes, true to the stored values, never wrapped round at black or white."""

from __future__ import annotations

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.demo.study import case_images
from preprocessing.display.overview import OVERVIEW_BYTES, OVERVIEW_SIDE, Overview, overview
from preprocessing.display.screen_image import screen_image
from tests.peers.synthetic import breast_pixels


def decoded(made: Overview) -> NDArray[np.uint16]:
    return made.served(imagecodecs.htj2k_decode(made.content))


def reduced(served: NDArray[np.uint16], made: Overview) -> NDArray[np.float64]:
    small = cv2.resize(served, (made.columns, made.rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float64)


def test_real_films_keep_to_the_bytes_and_to_the_grey_values() -> None:
    for film in case_images("sfm-malign-0"):
        image = screen_image(film)
        made = image.overview
        assert len(made.content) <= OVERVIEW_BYTES
        assert max(made.rows, made.columns) == OVERVIEW_SIDE
        assert made.columns / made.rows == pytest.approx(image.box[2] / image.box[3], abs=0.01)
        stored = imagecodecs.htj2k_decode(image.codestream.content)
        error = decoded(made).astype(np.float64) - reduced(stored, made)
        # A screen has 256 greys: through the widest window the error is a part of one of them.
        assert np.sqrt((error**2).mean()) < (int(stored.max()) - int(stored.min())) / 256


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_noise_between_any_two_values_is_never_wrapped_round(
    rows: int, columns: int, one: int, other: int, seed: int
) -> None:
    # Black and white side by side: what a lossy coder overshoots most.
    chosen = np.random.default_rng(seed).integers(0, 2, (rows, columns), dtype=np.uint16)
    served = np.where(chosen == 1, np.uint16(max(one, other)), np.uint16(min(one, other)))
    found = decoded(overview(served)).astype(np.int64)
    span = abs(one - other)
    assert np.abs(found - served).max() <= span / 4 + 1


def test_an_image_of_one_value_stays_that_value() -> None:
    for value in (0, 1, 4095, 65535):
        served = np.full((50, 40), value, dtype=np.uint16)
        assert np.abs(decoded(overview(served)).astype(int) - value).max() <= 1


def test_twelve_bits_are_as_true_as_sixteen() -> None:
    served = breast_pixels("L", "CC", 1600, 1200)
    made = overview(served)
    error = decoded(made).astype(np.float64) - reduced(served, made)
    assert np.sqrt((error**2).mean()) < 4096 / 256
