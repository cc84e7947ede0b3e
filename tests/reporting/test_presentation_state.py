"""Presentation states: one per image with marks, in the image's own greys."""

from __future__ import annotations

import pytest

from reporting.build import NoSuchVariant, build_reports
from reporting.study import ReportVariant
from tests.reporting.built import render, report_of, reports_of
from tests.reporting.studies import CASES, MARKS, four, study_of

_KIND = "presentation_state"
_VARIANT = (ReportVariant(_KIND),)


def test_only_images_with_marks_have_one_and_each_names_its_image() -> None:
    states = [one for one in reports_of("with_findings") if one.kind == _KIND]
    marked = [image.header.SOPInstanceUID for image in CASES["with_findings"]().images if image.result.findings]
    assert [one.source_sop_instance_uid for one in states] == marked
    assert len({one.sop_instance_uid for one in states}) == 2
    assert len({one.series_instance_uid for one in states}) == 1
    assert not [one for one in reports_of("normal") if one.kind == _KIND]


def test_outline_words_and_the_note_on_use_are_drawn() -> None:
    notes = report_of("with_findings", _KIND).dataset.GraphicAnnotationSequence
    texts = [one.UnformattedTextValue for note in notes for one in note.get("TextObjectSequence", ())]
    assert texts == [
        "1: resembles malignant mass, score 0.83",
        "AI result, not for primary diagnosis. Research use only, not a medical device",
    ]
    (graphic,) = notes[0].GraphicObjectSequence
    wanted = [value for point in MARKS[("R", "CC")][0].outline for value in point]
    assert list(graphic.GraphicData) == wanted
    assert graphic.GraphicAnnotationUnits == "PIXEL"


def test_the_first_window_of_the_image_is_kept() -> None:
    (window,) = report_of("with_findings", _KIND).dataset.SoftcopyVOILUTSequence
    assert (float(window.WindowCenter), float(window.WindowWidth)) == (2047, 4096)


def test_an_image_stored_bright_for_air_is_shown_as_it_was() -> None:
    study = study_of(*four(marks=MARKS, PhotometricInterpretation="MONOCHROME1"))
    assert {one.dataset.PresentationLUTShape for one in build_reports(study, _VARIANT, render)} == {"INVERSE"}
    assert report_of("with_findings", _KIND).dataset.PresentationLUTShape == "IDENTITY"


def test_there_is_none_in_the_old_dialect() -> None:
    with pytest.raises(NoSuchVariant):
        build_reports(CASES["normal"](), (ReportVariant(_KIND, "SRT"),), render)
