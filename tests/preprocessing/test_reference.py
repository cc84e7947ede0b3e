"""The published reference's preprocessing: each step, both ways of cutting patches, and the harm that trimming does."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from preprocessing.errors import NoBreastFound
from preprocessing.reference.film import (
    CleanedFilm,
    clean_film,
    film_edges_show,
    opening,
    otsu_mask,
    raised_contrast,
    to_film_scale,
    trimmed_corner,
)
from preprocessing.reference.patches import (
    EXTENT,
    Box,
    as_patch,
    cut,
    lesion_places,
    normal_places,
    roi_box,
    tile_fault,
    tile_places,
)
from preprocessing.reference.pictures import grey_film
from tests.peers.synthetic import breast_pixels
from tests.preprocessing.lesion_boxes import BOXES, real_mammograms


def drawn_film(rows: int = 2048, columns: int = 1280) -> NDArray[np.uint8]:
    film = breast_pixels("L", "CC", rows, columns, bits=8).astype(np.uint8)
    cv2.putText(film, "L CC", (columns - 320, 200), cv2.FONT_HERSHEY_SIMPLEX, 4, 255, 20)
    return film


@cache
def real_film(name: str) -> CleanedFilm:
    return clean_film(grey_film(dcmread(real_mammograms()[name])))


def test_labels_go_and_the_breast_stays() -> None:
    film = drawn_film()
    cleaned = clean_film(film)
    assert otsu_mask(film)[100:220, 960:].any()
    assert not cleaned.opened[100:220, 960:].any()
    assert not cleaned.masked[100:220, 960:].any()
    assert cleaned.opened[1024, 10]
    assert (cleaned.masked[cleaned.opened > 0] == film[cleaned.opened > 0]).all()


def test_holes_in_the_breast_are_filled() -> None:
    film = drawn_film()
    film[1000:1030, 200:230] = 0
    cleaned = clean_film(film)
    assert not cleaned.largest[1015, 215]
    assert cleaned.filled[1015, 215]


def test_the_opening_takes_what_is_thinner_than_fifteen_pixels() -> None:
    mask = np.zeros((100, 100), dtype=np.uint8)
    mask[10:24, 10:60] = 1
    mask[50:65, 10:60] = 1
    opened = opening(mask)
    assert not opened[:40].any()
    assert (opened[50:65, 10:60] == 1).all()


def test_a_film_of_one_grey_value_or_of_specks_is_refused_with_a_sentence() -> None:
    black = np.zeros((600, 400), dtype=np.uint8)
    specks = black.copy()
    specks[::40, ::40] = 255
    for film in (black, specks):
        with pytest.raises(NoBreastFound, match="no breast"):
            clean_film(film)


def test_seven_per_cent_are_trimmed_from_each_side_only_where_film_edges_show() -> None:
    film = drawn_film()
    plain = clean_film(film)
    assert not plain.edges_show
    assert plain.trimmed.shape == film.shape
    film[-8:] = 255
    framed = clean_film(film)
    assert framed.edges_show
    assert (framed.left, framed.top) == (89, 143)
    assert framed.trimmed.shape == framed.breast.shape == (2048 - 2 * 143, 1280 - 2 * 89)
    assert (framed.trimmed == framed.masked[143:-143, 89:-89]).all()


@pytest.mark.parametrize("turns", range(4))
def test_a_film_edge_is_seen_on_whichever_side_it_runs(turns: int) -> None:
    mask = np.zeros((500, 300), dtype=np.uint8)
    mask[100:400, :200] = 1
    assert not film_edges_show(np.rot90(mask, turns))
    mask[:, -3:] = 1
    assert film_edges_show(np.rot90(mask, turns))


def test_trimming_deletes_the_cancer_of_a_real_film() -> None:
    """The harm that is documented: the whole box of P_00820's left CC lies in the columns cut off."""
    cleaned = real_film("1-280.dcm")
    _, x, _, width, _ = next(box for box in BOXES if box[0] == "1-280.dcm")
    assert cleaned.edges_show
    assert x + width <= cleaned.left == trimmed_corner(cleaned.film.shape)[0]


def test_a_real_film_is_cleaned_of_its_label_and_has_normal_tiles_in_the_breast_alone() -> None:
    cleaned = real_film("1-130.dcm")
    # "LCC" stands in the upper right half.
    assert otsu_mask(cleaned.film)[:1200, 1600:].any()
    assert not cleaned.opened[:1200, 1600:].any()
    places = normal_places(cleaned.trimmed, cleaned.breast)
    assert len(places) > 5
    for place in places:
        assert cut(cleaned.breast, place).all()
        assert tile_fault(cut(cleaned.trimmed, place)) is None


def test_contrast_is_raised_and_black_stays_black() -> None:
    tissue = np.random.default_rng(0).normal(100, 8, (512, 512)).clip(60, 140).astype(np.uint8)
    assert raised_contrast(tissue).std() > 2 * tissue.std()
    half = tissue.copy()
    half[:, :256] = 0
    assert raised_contrast(half)[:, :200].max() < 40
    black = np.zeros((64, 64), dtype=np.uint8)
    assert (raised_contrast(black) == black).all()


def test_512_pixels_are_the_same_tissue_where_the_pixel_size_is_known() -> None:
    fine = Dataset()
    fine.ImagerPixelSpacing = [0.09, 0.09]
    picture = drawn_film()
    assert to_film_scale(picture, fine).shape == (4096, 2560)
    film = np.zeros((4000, 2400), dtype=np.uint8)
    assert to_film_scale(film, Dataset()) is film


@pytest.mark.parametrize(
    ("fault", "tile"),
    [
        ("too dark", np.full((EXTENT, EXTENT), 20, dtype=np.uint8)),
        ("too bright", np.full((EXTENT, EXTENT), 240, dtype=np.uint8)),
        ("flat", np.full((EXTENT, EXTENT), 120, dtype=np.uint8)),
        (None, np.random.default_rng(0).normal(120, 20, (EXTENT, EXTENT)).clip(40, 200).astype(np.uint8)),
    ],
)
def test_a_tile_is_refused_for_being_dark_bright_or_flat(fault: str | None, tile: NDArray[np.uint8]) -> None:
    assert tile_fault(tile) == fault
    if fault is None:
        tile[:60, :60] = 0
        assert tile_fault(tile) == "too dark"


def test_tiles_lie_in_the_breast_wholly_and_overlap_by_half() -> None:
    breast = np.zeros((1400, 1100), dtype=np.uint8)
    breast[200:1400, :1030] = 1
    places = tile_places(breast)
    assert [(place.x, place.y) for place in places] == [(x, y) for y in (256, 512, 768) for x in (0, 256, 512)]


def test_the_box_of_an_roi_mask_is_tight_and_an_empty_mask_is_refused() -> None:
    roi = np.zeros((300, 400), dtype=np.uint8)
    with pytest.raises(ValueError, match="marks nothing"):
        roi_box(roi)
    roi[20:80, 100:250] = 1
    assert roi_box(roi) == Box(100, 20, 150, 60)


LENGTHS = st.integers(512, 5000)


@given(LENGTHS, LENGTHS, st.data())
def test_a_lesions_crops_stay_in_the_film_and_show_some_of_the_lesion(
    rows: int, columns: int, data: st.DataObject
) -> None:
    width, height = data.draw(st.integers(1, columns)), data.draw(st.integers(1, rows))
    lesion = Box(data.draw(st.integers(0, columns - width)), data.draw(st.integers(0, rows - height)), width, height)
    places = lesion_places(lesion, (rows, columns), np.random.default_rng(data.draw(st.integers(0, 9))))
    assert len(places) == 3
    for place in places:
        assert (place.width, place.height) == (EXTENT, EXTENT)
        assert 0 <= place.x <= columns - EXTENT
        assert 0 <= place.y <= rows - EXTENT
        assert place.x < lesion.x + width
        assert place.x + EXTENT > lesion.x
        assert place.y < lesion.y + height
        assert place.y + EXTENT > lesion.y
        for start, length, position in ((lesion.x, width, place.x), (lesion.y, height, place.y)):
            if length < EXTENT:
                middle = start + length / 2
                assert position <= middle <= position + EXTENT


@given(st.integers(2, 511), st.integers(2, 511))
def test_a_crop_that_is_all_there_is_lies_in_its_patch_by_half_or_more(height: int, width: int) -> None:
    for place in lesion_places(Box(0, 0, width, height), (height, width), np.random.default_rng(0)):
        assert -place.x + EXTENT > width / 2 > place.x
        assert -place.y + EXTENT > height / 2 > place.y


@given(st.integers(2, 700), st.integers(2, 700), st.integers(-400, 400), st.integers(-400, 400))
def test_beyond_the_film_its_reflection_goes_on(height: int, width: int, x: int, y: int) -> None:
    film = np.full((height, width), 77, dtype=np.uint8)
    place = Box(min(x, width - 1), min(y, height - 1), EXTENT, EXTENT)
    assert (cut(film, place) == 77).all()
    assert cut(film, place).shape == (EXTENT, EXTENT)


def test_a_patch_has_the_side_asked_for_whatever_was_cut() -> None:
    tissue = np.random.default_rng(0).integers(0, 255, (EXTENT, EXTENT), dtype=np.uint8)
    assert as_patch(tissue, 256).shape == (256, 256)
    assert as_patch(tissue, 32).dtype == np.uint8
