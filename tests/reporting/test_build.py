"""Same input, same bytes; one object, one UID."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian

from reporting.build import build_reports
from reporting.study import REPORT_KINDS, ReportVariant
from reporting.uids import instance_uid, series_uid
from reporting.wording import plain_ascii, sentence_of
from reporting.writing import report_bytes
from tests.reporting.built import ALL_VARIANTS, render, reports_of
from tests.reporting.studies import CASES, finding, four, study_of


@pytest.mark.parametrize("case", ["with_findings", "japanese", "late_fifth_image"])
def test_the_same_study_gives_the_same_bytes(case: str) -> None:
    again = build_reports(CASES[case](), ALL_VARIANTS, render)
    assert [report_bytes(one) for one in again] == [report_bytes(one) for one in reports_of(case)]


def test_every_object_has_a_uid_of_its_own_and_no_series_is_shared_between_kinds_or_dialects() -> None:
    reports = [report for case in ("with_findings", "late_fifth_image") for report in reports_of(case)]
    assert len({one.sop_instance_uid for one in reports}) == len(reports)
    series = {(one.kind, one.dialect, case): one.series_instance_uid for case in CASES for one in reports_of(case)}
    first = {uid for (_, _, case), uid in series.items() if case == "with_findings"}
    second = {uid for (_, _, case), uid in series.items() if case == "late_fifth_image"}
    assert len(first) == len(second) == 6
    assert not first & second


def test_what_is_asked_for_twice_is_built_once_and_in_the_order_asked() -> None:
    wanted = (ReportVariant("measurement_report", "SRT"), ReportVariant("mammography_cad_sr"))
    built = build_reports(CASES["normal"](), (*wanted, wanted[0]), render)
    assert [(one.kind, one.dialect) for one in built] == [(one.kind, one.dialect) for one in wanted]


def test_the_file_is_part_10_in_explicit_vr_little_endian() -> None:
    for report in reports_of("with_findings"):
        written = dcmread(BytesIO(report_bytes(report)))
        assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert written.file_meta.MediaStorageSOPInstanceUID == written.SOPInstanceUID == report.sop_instance_uid
        assert written.SOPClassUID == report.sop_class_uid
        assert written.SeriesInstanceUID == report.series_instance_uid


def test_no_report_pretends_to_be_of_another_maker() -> None:
    for report in reports_of("with_findings"):
        assert report.dataset.Manufacturer == "mammogate"
        assert report.dataset.DeviceSerialNumber
        assert list(report.dataset.SoftwareVersions) == ["mammogate 0.1.0", "model 2026.3-crops"]


def test_every_kind_of_report_says_research_use_only() -> None:
    for report in reports_of("with_findings"):
        assert "Research use only, not a medical device" in report.dataset.SeriesDescription
    assert {one.kind for one in reports_of("with_findings")} == set(REPORT_KINDS)


def test_times_are_those_of_the_images_time_zone() -> None:
    study = study_of(*four(TimezoneOffsetFromUTC="+0900"))
    (report,) = build_reports(study, (ReportVariant("mammography_cad_sr"),), render)
    local = study.created_at.astimezone(timezone(timedelta(hours=9)))
    assert report.dataset.ContentTime == local.strftime("%H%M%S")
    assert report.dataset.TimezoneOffsetFromUTC == "+0900"


def test_without_a_time_zone_in_the_images_times_are_those_of_the_clock_that_closed_the_generation() -> None:
    berlin = timezone(timedelta(hours=2))
    late = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    study = study_of(*four(TimezoneOffsetFromUTC=None), created_at=late.astimezone(berlin))
    for report in build_reports(study, ALL_VARIANTS, render):
        assert (report.dataset.InstanceCreationDate, report.dataset.InstanceCreationTime) == ("20260702", "003000")
        assert report.dataset.get("ContentDate", "20260702") == "20260702"
        assert "TimezoneOffsetFromUTC" not in report.dataset


@given(st.uuids(), st.integers(1, 50), st.sampled_from(REPORT_KINDS), st.sampled_from(("SCT", "SRT")))
def test_uids_are_valid_repeatable_and_differ_in_every_part(
    installation: UUID, generation: int, kind: str, dialect: str
) -> None:
    study = replace(CASES["normal"](), installation_id=installation, generation=generation)
    uid = instance_uid(study, kind, "1.2.3", dialect)
    assert UID(uid).is_valid
    assert uid == instance_uid(study, kind, "1.2.3", dialect)
    others = {
        instance_uid(replace(study, generation=generation + 1), kind, "1.2.3", dialect),
        instance_uid(study, kind, "1.2.4", dialect),
        instance_uid(study, kind, "1.2.3", "SRT" if dialect == "SCT" else "SCT"),
        instance_uid(study, kind, "1.2.3", dialect, "1.2.3.4"),
        instance_uid(replace(study, study_instance_uid="1.2"), kind, "1.2.3", dialect),
        series_uid(study, kind, "1.2.3", dialect),
    }
    assert uid not in others
    assert len(others) == 6


@pytest.mark.parametrize(
    ("kind", "malignancy", "sentence"),
    [
        ("mass", 0.9, "resembles malignant mass, score 0.83"),
        ("mass", 0.2, "resembles benign mass, score 0.83"),
        ("calcification", 0.5, "resembles malignant calcification, score 0.83"),
        ("calcification", 0.49, "resembles benign calcification, score 0.83"),
    ],
)
def test_a_finding_is_said_to_resemble(kind: str, malignancy: float, sentence: str) -> None:
    assert sentence_of(finding("x", kind, 0.83, malignancy)) == sentence


@given(st.text(max_size=200), st.integers(10, 64))
def test_our_own_texts_fit_every_character_set_and_their_place(text: str, longest: int) -> None:
    plain = plain_ascii(text, longest)
    assert plain.isascii()
    assert len(plain) <= longest
    assert "\\" not in plain
