"""Who the patient is goes into a report exactly as the images have it, whatever else is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from reporting.build import build_reports
from reporting.header import PatientsDisagree, study_header
from reporting.outcome import NothingToReportOn, ResultOfAnotherImage
from reporting.study import ReportVariant
from tests.reporting.built import ALL_VARIANTS, as_read_back, render, report_of, reports_of
from tests.reporting.headers import digital, film, uid
from tests.reporting.studies import CASES, MARKS, STANDARD_VIEWS, failed, four, read, study_of, with_findings

_CAD = (ReportVariant("mammography_cad_sr"),)


@pytest.mark.parametrize("case", CASES)
def test_patient_and_study_in_the_file_are_those_of_the_images(case: str) -> None:
    image = CASES[case]().images[0].header
    for report in reports_of(case):
        written = as_read_back(report)
        for keyword in (
            "PatientName",
            "PatientID",
            "IssuerOfPatientID",
            "AccessionNumber",
            "StudyDescription",
            "StudyID",
        ):
            assert str(written.get(keyword) or "") == str(image.get(keyword) or ""), keyword
        for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName"):
            assert keyword in written
            assert str(written[keyword].value or "") == str(image.get(keyword) or "")
        assert written.StudyInstanceUID == image.StudyInstanceUID


def test_a_chinese_name_keeps_its_bytes() -> None:
    written = as_read_back(report_of("chinese", "mammography_cad_sr"))
    assert written.SpecificCharacterSet == "GB18030"
    assert written.get_item("PatientName").value.rstrip() == "Wang^XiaoDong=王^小东".encode("gb18030")


def test_a_name_in_escape_sequences_becomes_utf_8_with_every_character() -> None:
    written = as_read_back(report_of("japanese", "measurement_report"))
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert str(written.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_a_character_whose_second_byte_is_a_backslash_is_not_split() -> None:
    name = "Cheng^=乗^"  # 81 5C in GB18030
    study = with_findings(SpecificCharacterSet="GB18030", PatientName=name)
    (report,) = build_reports(study, _CAD, render)
    written = as_read_back(report)
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert str(written.PatientName) == name


def test_bytes_without_a_declared_character_set_stay_as_they_are() -> None:
    images = four()
    for image in images:
        del image.header["SpecificCharacterSet"]
        raw = "Müller^Jürgen".encode("latin-1")
        image.header[0x00100010] = RawDataElement(Tag(0x00100010), "PN", len(raw), raw, 0, False, True)
    (report,) = build_reports(study_of(*images), _CAD, render)
    written = as_read_back(report)
    assert "SpecificCharacterSet" not in written
    assert written.get_item("PatientName").value.rstrip() == "Müller^Jürgen".encode("latin-1")


def test_a_misspelt_character_set_is_understood() -> None:
    images = four(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    for image in images:
        image.header.SpecificCharacterSet = "ISO IR 100"
    (report,) = build_reports(study_of(*images), _CAD, render)
    assert as_read_back(report).SpecificCharacterSet == "ISO_IR 100"


@given(
    st.text(
        st.characters(
            codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"), exclude_characters="\\^="
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_name_survives(name: str) -> None:
    image = read(digital(SpecificCharacterSet="ISO_IR 192", PatientName=f"{name}^X={name}^Y"), "R", "CC")
    header = study_header(study_of(image))
    assert str(header.PatientName) == f"{name}^X={name}^Y"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "P-0002"),
        ("PatientName", "Example^Other"),
        ("PatientBirthDate", "19640301"),
        ("PatientSex", "M"),
        ("IssuerOfPatientID", "ELSEWHERE"),
    ],
)
def test_images_of_different_patients_build_nothing(keyword: str, value: str) -> None:
    images = [*four()[:3], read(digital("L", "MLO", **{keyword: value}), "L", "MLO")]
    with pytest.raises(PatientsDisagree) as raised:
        build_reports(study_of(*images), ALL_VARIANTS, render)
    assert value not in str(raised.value)
    assert "P-0001" not in str(raised.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Example^Erika", "EXAMPLE^ERIKA^^^"),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou"),
        ("Example^Erika ", "Example^Erika"),
    ],
)
def test_one_name_written_in_two_ways_is_one_patient(one: str, other: str) -> None:
    names: Sequence[str] = (one, other, one, other)
    images = [
        read(digital(*view, SpecificCharacterSet="ISO_IR 192", PatientName=name), *view)
        for view, name in zip(STANDARD_VIEWS, names, strict=True)
    ]
    assert build_reports(study_of(*images), _CAD, render)


def test_an_image_that_does_not_name_the_patient_agrees_with_the_others() -> None:
    images = [read(film("R", "CC", PatientID="", PatientName=""), "R", "CC"), *four()[1:]]
    (report,) = build_reports(study_of(*images), _CAD, render)
    assert report.dataset.PatientID == "P-0001"


def _raw(header: Dataset, keyword: str, vr: str, value: bytes) -> None:
    tag = Tag(tag_for_keyword(keyword) or 0)
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def test_broken_headers_break_no_report() -> None:
    images = four(marks=MARKS)
    for image in images:
        header = image.header
        _raw(header, "StudyDate", "DA", b"UNKNOWN ")
        _raw(header, "StudyTime", "TM", b"25:99")
        _raw(header, "PatientBirthDate", "DA", b"1964.02.29")
        _raw(header, "PatientSex", "CS", b"FEMALE")
        _raw(header, "PatientAge", "AS", b"62")
        _raw(header, "ImagerPixelSpacing", "DS", b"0,07\\abc")
        _raw(header, "WindowCenter", "DS", b"two thousand")
        _raw(header, "RescaleSlope", "DS", b"")
        _raw(header, "PatientOrientation", "CS", b"R CC")
        _raw(header, "SeriesNumber", "IS", b"1.5e")
        _raw(header, "ContentDate", "DA", b"2026-03-14")
        _raw(header, "SpecificCharacterSet", "CS", b"KLINGON 1")
        for keyword in ("AccessionNumber", "StudyID", "ReferringPhysicianName", "SOPClassUID"):
            if keyword in header:
                del header[keyword]
    reports = build_reports(study_of(*images), ALL_VARIANTS, render)
    assert len(reports) == 7
    for report in reports:
        written = as_read_back(report)
        assert written.StudyDate == written.StudyTime == written.PatientSex == ""
        assert written.PatientBirthDate == "19640229"
        assert written.PatientID == "P-0001"
        assert "SpecificCharacterSet" not in written


def test_identifiers_longer_than_allowed_are_not_cut() -> None:
    images = four(PatientID="X" * 80, PatientName="N" * 90)
    (report,) = build_reports(study_of(*images), _CAD, render)
    written = as_read_back(report)
    assert written.PatientID == "X" * 80
    assert str(written.PatientName) == "N" * 90


def test_an_image_that_cannot_be_referred_to_is_told_and_left_out() -> None:
    images = [*four()[:3], failed(digital("L", "MLO", SeriesInstanceUID=None), "L", "MLO")]
    (report,) = build_reports(study_of(*images), _CAD, render)
    assert report.dataset.CompletionFlag == "PARTIAL"
    assert "broken header" in report.dataset.CompletionFlagDescription
    series = report.dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert [len(one.ReferencedSOPSequence) for one in series] == [3]


def test_a_study_without_one_image_to_refer_to_builds_nothing() -> None:
    with pytest.raises(NothingToReportOn):
        build_reports(study_of(failed(digital("R", "CC", SeriesInstanceUID=None), "R", "CC")), _CAD, render)


def test_a_result_of_another_image_builds_nothing() -> None:
    image = four()[0]
    assert image.result is not None
    swapped = image.result.model_copy(update={"sop_instance_uid": uid("another image")})
    with pytest.raises(ResultOfAnotherImage):
        build_reports(study_of(type(image)(image.header, image.path, swapped)), _CAD, render)
