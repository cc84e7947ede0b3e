"""What is left is consistent, valid and usable: UIDs, dates, pixels, reports, transfer syntaxes."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    BreastTomosynthesisImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from preprocessing.views import identify_view
from reporting.deidentification.dates import earlier_date_time
from reporting.deidentification.known_codes import known_code
from reporting.deidentification.left_out import CodeNotKnown, KindNotCovered, LeftOut, TextInThePixels
from reporting.deidentification.pseudonyms import Pseudonyms
from reporting.outcome import outcome_of
from reporting.self_check.check import check_report, check_shared_tracking
from reporting.study import BuiltReport, StudyToReport
from reporting.writing import report_bytes
from tests.peers.synthetic import mammogram
from tests.reporting.built import reports_of
from tests.reporting.deidentification.objects import EXAM, KEY, exported, exported_report, read_again, small_mammogram
from tests.reporting.studies import CASES
from tests.reporting.validators import object_problems, tree_problems


def test_the_same_key_gives_the_same_pseudonyms_and_another_key_gives_others() -> None:
    source = small_mammogram()
    first, again, other = (exported(source, Pseudonyms(key)) for key in (KEY, KEY, bytes(32)))
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "StudyDate"):
        assert first[keyword].value == again[keyword].value
        assert first[keyword].value != source[keyword].value
        assert first[keyword].value != other[keyword].value


def test_patients_have_pseudonyms_and_shifts_of_their_own() -> None:
    pseudonyms = Pseudonyms(KEY)
    patients = [pseudonyms.patient(f"P{number}", "1.2") for number in range(200)]
    assert len({patient.pseudonym for patient in patients}) == 200
    shifts = {patient.days_earlier for patient in patients}
    assert len(shifts) > 180
    assert min(shifts) >= 1
    assert max(shifts) <= 3652


def test_a_patient_is_the_same_and_is_shifted_alike_in_all_her_studies() -> None:
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.patient("P1", "1.2") == pseudonyms.patient("P1 ", "1.3")


def test_patients_without_an_id_are_not_taken_for_one() -> None:
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.patient("", "1.2") != pseudonyms.patient(None, "1.3")
    assert pseudonyms.patient("", "1.2") == pseudonyms.patient(" ", "1.2")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Pseudonyms(b"short")


def test_all_dates_of_an_object_go_back_by_the_same_number_of_days() -> None:
    result = exported(small_mammogram(ContentDate="20260921", AcquisitionDateTime="20260914093000.5+0200"))
    days = Pseudonyms(KEY).patient(EXAM.patient_id, "").days_earlier
    assert result.StudyDate == earlier_date_time("20260914", days)
    assert result.ContentDate == earlier_date_time("20260921", days)
    assert result.AcquisitionDateTime == f"{result.StudyDate}093000.5"
    assert result.StudyTime == "093000"
    assert result.LongitudinalTemporalInformationModified == "MODIFIED"


@pytest.mark.parametrize("text", ["", "2026", "20261399", "00010101", "2026-09-14", "heute"])
def test_what_is_no_day_is_no_date_afterwards(text: str) -> None:
    assert earlier_date_time(text, 3000) == ""


def test_the_object_says_that_and_how_it_was_deidentified() -> None:
    result = exported(small_mammogram())
    assert result.PatientIdentityRemoved == "YES"
    assert result.DeidentificationMethod
    codes = [item.CodeValue for item in result.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", "113104", "113103"]
    assert all(known_code("DCM", value) for value in codes)
    assert result.preamble == b"\0" * 128
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEGLosslessSV1])
def test_pixels_and_transfer_syntax_stay(syntax: str) -> None:
    source = read_again(mammogram(exam=EXAM, rows=64, columns=48, transfer_syntax=syntax))
    result = exported(source)
    assert result.file_meta.TransferSyntaxUID == syntax
    assert result.PixelData == source.PixelData
    assert (result.pixel_array == source.pixel_array).all()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_grey_scale_tables_and_padding_stay_without_their_explanation(syntax: str) -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation = [4, 0, 12], "FOR DR ZWIEBELMAIER"
    table.add_new("LUTData", "US", [1, 2, 3, 4000])
    image = mammogram(exam=EXAM, rows=64, columns=48, transfer_syntax=syntax, tags={"VOILUTSequence": [table]})
    image.PixelPaddingValue = 7
    result = exported(read_again(image))
    assert list(result.VOILUTSequence[0].LUTDescriptor) == [4, 0, 12]
    assert result.VOILUTSequence[0].LUTData == read_again(image).VOILUTSequence[0].LUTData
    assert "LUTExplanation" not in result.VOILUTSequence[0]
    assert result.PixelPaddingValue == 7


def test_a_mammogram_is_still_the_view_that_it_was() -> None:
    source = small_mammogram()
    assert identify_view(exported(source)) == identify_view(source)


@pytest.mark.parametrize("case", ["late_fifth_image"])
def test_reports_still_agree_with_their_images_and_results(case: str) -> None:
    """The self-check of the reports, with everything in it under new UIDs: marks, images, evidence, tracking."""
    pseudonyms = Pseudonyms(KEY)
    study = _moved(CASES[case](), pseudonyms)
    outcome = outcome_of(study)
    copies = [_copy(report, pseudonyms) for report in reports_of(case) if report.kind != "summary_image"]
    assert len(copies) >= 5
    for copy in copies:
        check_report(copy, outcome)
    check_shared_tracking(copies)
    dates = {copy.dataset.StudyDate for copy in copies} | {image.header.StudyDate for image in study.images}
    assert len(dates) == 1


def _moved(study: StudyToReport, pseudonyms: Pseudonyms) -> StudyToReport:
    images = []
    for image in study.images:
        result = image.result
        if result is not None:
            findings = tuple(
                one.model_copy(update={"tracking_uid": pseudonyms.uid(one.tracking_uid)}) for one in result.findings
            )
            uid = pseudonyms.uid(result.sop_instance_uid)
            result = result.model_copy(update={"sop_instance_uid": uid, "findings": findings})
        images.append(replace(image, header=exported(image.header, pseudonyms), result=result))
    return replace(study, study_instance_uid=pseudonyms.uid(study.study_instance_uid), images=tuple(images))


def _copy(report: BuiltReport, pseudonyms: Pseudonyms) -> BuiltReport:
    source = report.source_sop_instance_uid
    return replace(
        report,
        dataset=exported_report(report, pseudonyms),
        source_sop_instance_uid=None if source is None else pseudonyms.uid(source),
    )


def test_the_validators_accept_what_is_written(tmp_path: Path) -> None:
    objects = [exported(small_mammogram())]
    objects += [exported_report(report) for report in reports_of("with_findings") if report.kind != "summary_image"]
    for number, result in enumerate(objects):
        path = tmp_path / f"{number}.dcm"
        result.save_as(path, enforce_file_format=True)
        assert object_problems(path) == []
        if result.Modality == "SR":
            assert tree_problems(path) == []


def test_a_presentation_state_keeps_its_marks_and_loses_its_texts() -> None:
    report = next(one for one in reports_of("with_findings") if one.kind == "presentation_state")
    result = exported_report(report)
    marks = [item for note in result.GraphicAnnotationSequence for item in note.GraphicObjectSequence]
    assert marks
    assert all("TextObjectSequence" not in note for note in result.GraphicAnnotationSequence)
    layers = {item.GraphicLayer for item in result.GraphicLayerSequence}
    assert {note.GraphicLayer for note in result.GraphicAnnotationSequence} == layers


@pytest.mark.parametrize(
    "tags",
    [
        {"BurnedInAnnotation": "YES"},
        {"SOPClassUID": SecondaryCaptureImageStorage},
        {"Modality": "DX"},
    ],
)
def test_images_that_may_have_text_in_them_are_left_out_unless_they_are_asked_for(tags: dict[str, str]) -> None:
    source = small_mammogram(**tags)
    with pytest.raises(TextInThePixels, match="include-burned-in"):
        exported(source)
    included = exported(source, include_burned_in=True)
    assert included.PatientIdentityRemoved == ("NO" if "BurnedInAnnotation" in tags else "YES")


def test_an_overlay_in_the_bits_of_the_pixels_counts_as_text_in_them() -> None:
    source = small_mammogram()
    source.add_new(0x60000102, "US", 12)
    with pytest.raises(TextInThePixels, match="overlay"):
        exported(source)


@pytest.mark.parametrize("sop_class", [BreastTomosynthesisImageStorage, BasicTextSRStorage, "1.2.3.4"])
def test_kinds_without_rules_are_left_out(sop_class: str) -> None:
    with pytest.raises(KindNotCovered):
        exported(small_mammogram(SOPClassUID=sop_class), include_burned_in=True)


def test_a_document_with_a_code_that_nobody_knows_is_left_out() -> None:
    source = dcmread(BytesIO(report_bytes(reports_of("with_findings")[0])))
    source.ConceptNameCodeSequence[0].CodeValue = "VENDOR1"
    with pytest.raises(CodeNotKnown):
        exported(source)


def test_an_object_without_a_uid_or_in_a_private_transfer_syntax_is_left_out() -> None:
    without = small_mammogram()
    del without.SeriesInstanceUID
    private = small_mammogram()
    private.file_meta.TransferSyntaxUID = "1.2.3.4"
    for source in (without, private):
        with pytest.raises(LeftOut):
            _ = exported(source)


def test_no_reason_holds_a_value_of_the_object() -> None:
    source: Dataset = small_mammogram(Modality="DX", PatientID="GEHEIM-1")
    with pytest.raises(LeftOut) as caught:
        exported(source)
    assert "GEHEIM" not in str(caught.value)
