"""Every text of a report is there for whoever reads the file, in a character set that the file declares."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from reporting.build import build_reports
from reporting.outcome import outcome_of
from reporting.self_check.causes import TextNotAsWritten
from reporting.self_check.check import check_report
from reporting.study import ReportVariant
from tests.reporting.built import ALL_VARIANTS, as_read_back, copy_of, render, report_of, reports_of
from tests.reporting.headers import digital, request
from tests.reporting.studies import CASES, MARKS, STANDARD_VIEWS, four, read, study_of, with_findings

_CAD = (ReportVariant("mammography_cad_sr"),)
_ASKED = {
    "german_request": ("Mammographie beidseits, Übersicht", "Mammographie für beide Brüste"),
    "cyrillic_request": ("Маммография обеих молочных желёз", "Маммография, две проекции"),
}


@pytest.mark.parametrize("case", _ASKED)
def test_both_structured_reports_have_what_was_asked_for_letter_by_letter(case: str) -> None:
    documents = [one for one in reports_of(case) if one.kind in ("mammography_cad_sr", "measurement_report")]
    assert len(documents) == 4
    for document in documents:
        written = as_read_back(document)
        asked = written.ReferencedRequestSequence[0]
        meaning = asked.RequestedProcedureCodeSequence[0].CodeMeaning
        assert (asked.RequestedProcedureDescription, meaning) == _ASKED[case]
        assert written.SpecificCharacterSet == CASES[case]().images[0].header.SpecificCharacterSet


def test_a_report_without_such_letters_keeps_the_default_repertoire() -> None:
    assert all("SpecificCharacterSet" not in as_read_back(report) for report in reports_of("with_findings"))
    # The pictures hold nothing of what was asked for, so it changes nothing in them.
    assert "SpecificCharacterSet" not in as_read_back(report_of("german_request", "summary_image"))


def test_images_in_two_character_sets_give_a_report_that_holds_both() -> None:
    images = four(SpecificCharacterSet="ISO_IR 100", StudyDescription="Früherkennung")
    asked = [request("Маммография")]
    images[3] = read(
        digital("L", "MLO", SpecificCharacterSet="ISO_IR 144", RequestAttributesSequence=asked), "L", "MLO"
    )
    for image in images[:3]:
        del image.header.RequestAttributesSequence
    (report,) = build_reports(study_of(*images), _CAD, render)
    written = as_read_back(report)
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert written.StudyDescription == "Früherkennung"
    assert written.ReferencedRequestSequence[0].RequestedProcedureDescription == "Маммография"


def test_an_item_with_a_character_set_of_its_own_is_written_in_that_of_the_report() -> None:
    images = four(SpecificCharacterSet="ISO_IR 100")
    for image in images:
        code = request("", "Маммография").RequestedProcedureCodeSequence[0]
        code.SpecificCharacterSet = "ISO_IR 144"
        image.header.RequestAttributesSequence[0].RequestedProcedureCodeSequence = [code]
    (report,) = build_reports(study_of(*images), _CAD, render)
    written = as_read_back(report).ReferencedRequestSequence[0].RequestedProcedureCodeSequence[0]
    assert written.CodeMeaning == "Маммография"
    assert "SpecificCharacterSet" not in written


def test_a_presentation_state_keeps_the_words_beside_a_grey_scale_table() -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData, table.LUTExplanation = [2, 0, 16], b"\0\0\xff\xff", "Übersicht, weich"
    study = with_findings(
        SpecificCharacterSet="ISO_IR 100", WindowCenter=None, WindowWidth=None, VOILUTSequence=[table]
    )
    for report in build_reports(study, (ReportVariant("presentation_state"),), render):
        written = as_read_back(report)
        (shown,) = written.SoftcopyVOILUTSequence
        assert shown.VOILUTSequence[0].LUTExplanation == "Übersicht, weich"
        assert written.SpecificCharacterSet == "ISO_IR 100"


_LETTERS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"), exclude_characters="\\"
    ),
    min_size=1,
    max_size=16,
)


@settings(max_examples=20)  # each is a report built, written and read twice
@given(_LETTERS, _LETTERS, st.sampled_from(["ISO_IR 100", "ISO_IR 144", "ISO_IR 192", "GB18030", "ISO_IR 13"]))
def test_whatever_was_asked_for_survives_in_any_character_set(description: str, meaning: str, declared: str) -> None:
    image = read(digital(*STANDARD_VIEWS[0]), *STANDARD_VIEWS[0], *MARKS[STANDARD_VIEWS[0]])
    # As pydicom gives it once it has read it: the text, and beside it what the image declares.
    image.header.SpecificCharacterSet = declared
    image.header.RequestAttributesSequence = [request(description, meaning)]
    (report,) = build_reports(study_of(image), _CAD, render)
    asked = as_read_back(report).ReferencedRequestSequence[0]
    assert asked.RequestedProcedureDescription == description
    assert asked.RequestedProcedureCodeSequence[0].CodeMeaning == meaning


def _undeclared(report: Dataset) -> None:
    del report.SpecificCharacterSet


def _latin(report: Dataset) -> None:
    report.SpecificCharacterSet = "ISO_IR 100"


def _cyrillic(report: Dataset) -> None:
    report.SpecificCharacterSet = "ISO_IR 144"


@pytest.mark.parametrize(
    ("case", "spoil"), [("german_request", _undeclared), ("german_request", _cyrillic), ("cyrillic_request", _latin)]
)
@pytest.mark.parametrize("kind", ["mammography_cad_sr", "measurement_report"])
def test_a_report_whose_character_set_does_not_go_with_its_texts_does_not_leave(
    case: str, kind: str, spoil: Callable[[Dataset], None]
) -> None:
    report = copy_of(next(one for one in reports_of(case) if one.kind == kind))
    outcome = outcome_of(CASES[case]())
    check_report(report, outcome)
    spoil(report.dataset)
    with pytest.raises(TextNotAsWritten) as raised:
        check_report(report, outcome)
    assert not any(word in str(raised.value) for word in ("bersicht", "Маммография", "Example"))


def test_every_kind_of_object_is_read_back_before_it_leaves() -> None:
    study = with_findings(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    outcome = outcome_of(study)
    for report in build_reports(study, ALL_VARIANTS, render):
        _undeclared(report.dataset)
        with pytest.raises(TextNotAsWritten):
            check_report(report, outcome)
