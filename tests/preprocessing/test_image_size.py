"""What is too small to show a breast is refused as that, whether its header has a pixel size or not."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from preprocessing.decode import decode_pixels
from preprocessing.errors import ImageRefused, ImageTooSmall
from preprocessing.geometry import training_scale
from preprocessing.pixel_format import read_dataset
from preprocessing.prepare import prepare_values
from tests.peers.synthetic import breast_pixels
from tests.preprocessing.lesion_boxes import real_mammograms


def _header(down: float | None, across: float | None = None) -> Dataset:
    header = Dataset()
    if down is not None:
        header.ImagerPixelSpacing = [down, down if across is None else across]
    return header


@pytest.mark.parametrize(
    ("rows", "columns", "down", "across"),
    [
        (180, 100, 0.07, 0.07),
        (512, 400, 0.01, 0.01),
        (700, 600, 0.07, 0.07),
        (40, 3000, 0.1, 0.1),
        (3000, 40, 0.1, 0.1),
        (3000, 2, 0.07, 0.07),
        (600, 500, 0.5, 0.01),
        (600, 5, None, None),
        (5, 600, None, None),
    ],
)
def test_less_than_a_breast_is_too_small(rows: int, columns: int, down: float | None, across: float | None) -> None:
    pixels = breast_pixels("L", "CC", rows, columns)
    with pytest.raises(ImageTooSmall, match="send the original"):
        prepare_values(pixels, _header(down, across))


@pytest.mark.parametrize("width", [400, 200, 100])
def test_a_film_made_small_under_its_old_pixel_size_is_not_read_as_a_tiny_breast(width: int) -> None:
    film = decode_pixels(read_dataset(real_mammograms()["1-280.dcm"]))
    rows = round(film.shape[0] * width / film.shape[1])
    small = cv2.resize(film, (width, rows), interpolation=cv2.INTER_AREA)
    with pytest.raises(ImageTooSmall, match="pixel size"):
        prepare_values(small, _header(0.05))


@pytest.mark.parametrize(("rows", "columns", "spacing"), [(640, 512, 0.1), (1500, 1200, 0.04), (1200, 1000, 0.05)])
def test_a_breast_of_six_centimetres_is_read(rows: int, columns: int, spacing: float) -> None:
    assert prepare_values(breast_pixels("L", "CC", rows, columns), _header(spacing)).chest_wall == "left"


@pytest.mark.parametrize(("down", "across"), [(0.1, 0.2), (0.2, 0.1), (0.1, 0.12)])
def test_pixels_that_are_not_square_are_made_square(down: float, across: float) -> None:
    square = breast_pixels("L", "MLO", 2000, 1600)
    size = (round(1600 * 0.1 / across), round(2000 * 0.1 / down))
    oblong = cv2.resize(square, size, interpolation=cv2.INTER_AREA)
    expected, prepared = prepare_values(square, _header(0.1)), prepare_values(oblong, _header(down, across))
    assert prepared.image.shape == expected.image.shape
    assert (prepared.mask != expected.mask).mean() < 0.01
    assert np.abs(prepared.image - expected.image).mean() < 0.01
    x, y = prepared.to_stored(300, 400)
    assert (x * across, y * down) == (pytest.approx(54, abs=0.1), pytest.approx(72, abs=0.1))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.one_of(st.none(), st.tuples(st.floats(0.005, 0.6), st.floats(0.005, 0.6))),
)
def test_an_image_of_any_size_is_read_or_refused(rows: int, columns: int, spacing: tuple[float, float] | None) -> None:
    pixels = breast_pixels("L", "CC", 64, 64)
    pixels = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_LINEAR)
    header = _header(*(spacing or (None, None)))
    with contextlib.suppress(ImageRefused):
        prepare_values(pixels, header)


def test_the_sentence_says_how_large_the_image_is_by_its_header() -> None:
    with pytest.raises(ImageTooSmall, match="7 x 13 mm"):
        training_scale(_header(0.07), 180, 100)
