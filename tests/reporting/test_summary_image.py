"""The summary page: what is on it, where marks land, and that it says it is no diagnosis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.outcome import outcome_of
from reporting.study import StudyToReport
from reporting.summary_image import theme
from reporting.summary_image.hanging import HungImage, hang
from reporting.summary_image.page import summary_page
from reporting.summary_image.rendering import RenderedImage
from tests.reporting.built import as_read_back, render, report_of
from tests.reporting.headers import COLUMNS, ROWS, digital
from tests.reporting.studies import CASES, finding, read, study_of


def test_the_picture_says_that_patient_data_are_burned_in_and_what_it_is_for() -> None:
    picture = as_read_back(report_of("with_findings", "summary_image"))
    assert picture.BurnedInAnnotation == "YES"
    assert picture.Modality == "OT"  # MG would hang it among the mammograms
    assert "Research use only, not a medical device" in picture.ImageComments
    assert picture.pixel_array.shape == (picture.Rows, picture.Columns, 3)


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_a_page_of_the_same_width(case: str) -> None:
    picture = report_of(case, "summary_image").dataset
    assert picture.Columns == theme.PAGE_WIDTH
    assert picture.Rows > theme.PAGE_WIDTH


def test_images_that_failed_are_never_asked_for() -> None:
    asked: list[Path] = []

    def listening(path: Path, longest_side: int) -> RenderedImage:
        asked.append(path)
        return render(path, longest_side)

    summary_page(CASES["one_unreadable"](), listening)
    assert len(asked) == 3
    asked.clear()
    summary_page(CASES["all_failed"](), listening)
    summary_page(CASES["not_attempted"](), listening)
    assert asked == []


def test_an_image_that_is_deleted_since_it_was_read_has_a_sentence_and_its_result() -> None:
    study = _marked("L", ["A", "R"])
    (image,) = study.images
    deleted = replace(study, images=(replace(image, path=None),))
    asked: list[Path] = []

    def listening(path: Path, longest_side: int) -> RenderedImage:
        asked.append(path)
        return render(path, longest_side)

    page, with_picture = summary_page(deleted, listening), summary_page(study, render)
    assert asked == []
    tile = theme.MARGIN * 2 + theme.TILE_WIDTH, 172
    picture = (slice(tile[1], tile[1] + theme.PICTURE_HEIGHT), slice(tile[0], tile[0] + theme.TILE_WIDTH))
    assert (page[picture] == theme.FAILURE).all(axis=2).any(), "the sentence's title"
    below = (slice(picture[0].stop + 2, picture[0].stop + theme.TILE_TEXT_HEIGHT), picture[1])
    assert np.array_equal(page[below], with_picture[below])


def _marked(laterality: str, orientation: list[str] | None) -> StudyToReport:
    header = digital(laterality, "CC", PatientOrientation=orientation)
    mark = finding("mark", center=(2200, 800))
    return study_of(read(header, laterality, "CC", mark), missing_views=("R MLO", "L MLO"))


def _black(path: Path, longest_side: int) -> RenderedImage:
    return RenderedImage(np.zeros((longest_side, int(longest_side * COLUMNS / ROWS)), np.uint8), longest_side / ROWS)


@pytest.mark.parametrize(
    ("laterality", "orientation", "mirrored"),
    [
        ("R", ["P", "L"], False),
        ("R", ["A", "L"], True),
        ("L", ["A", "R"], False),
        ("L", ["P", "R"], True),
    ],
)
def test_nipples_point_outward_and_marks_go_with_the_picture(
    laterality: str, orientation: list[str], mirrored: bool
) -> None:
    study = _marked(laterality, orientation)
    image = outcome_of(study).read[0]
    assert image.source.path is not None
    hung = hang(image, _black(image.source.path, 832))
    assert hung.mirrored is mirrored
    column, row = hung.place((2200, 800))
    wanted = (COLUMNS - 2200 if mirrored else 2200) * 0.25
    assert column == pytest.approx(wanted, abs=0.5)
    assert row == pytest.approx(200)
    page = summary_page(study, _black)
    amber = np.argwhere(np.abs(page.astype(int) - theme.MALIGNANT).max(axis=2) < 8)
    amber = amber[(amber[:, 0] > 180) & (amber[:, 0] < 900)]
    in_left_tile = amber[:, 1].mean() < theme.PAGE_WIDTH / 2
    assert in_left_tile == (laterality == "R")


@pytest.mark.parametrize(
    ("laterality", "bright", "mirrored"), [("R", "left", True), ("R", "right", False), ("L", "right", True)]
)
def test_an_image_that_does_not_say_how_it_lies_is_hung_by_where_the_breast_is(
    laterality: str, bright: str, mirrored: bool
) -> None:
    image = outcome_of(_marked(laterality, None)).read[0]
    pixels = np.zeros((400, 300), np.uint8)
    pixels[:, : 100 if bright == "left" else 300] = 0
    pixels[:, slice(0, 100) if bright == "left" else slice(200, 300)] = 180
    assert hang(image, RenderedImage(pixels, 0.1)).mirrored is mirrored


@given(st.booleans(), st.booleans(), st.floats(0, 1000), st.floats(0, 1300))
def test_a_point_in_the_image_stays_in_the_hung_picture(
    mirrored: bool, upside_down: bool, column: float, row: float
) -> None:
    hung = HungImage(np.zeros((650, 500), np.uint8), 0.5, mirrored, upside_down)
    x, y = hung.place((column, row))
    assert 0 <= x <= 500
    assert 0 <= y <= 650


def test_text_too_wide_for_its_place_is_cut_and_unknown_letters_are_marked() -> None:
    letters = theme.font(20)
    assert theme.fitting("short", letters, 500) == "short"
    cut = theme.fitting("a very long sentence " * 10, letters, 200)
    assert cut.endswith("...")
    assert letters.getlength(cut) <= 200
    assert theme.drawable("Müller 山") == "Müller ?"
    assert len(theme.lines_of("word " * 100, letters, 200, 3)) == 3
