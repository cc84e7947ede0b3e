"""One fault at a time in a good report: each is caught under its own name, and the good report passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from pydicom.dataset import Dataset

from inference.results import Finding
from reporting.build import build_reports
from reporting.outcome import outcome_of
from reporting.self_check import causes
from reporting.self_check.check import check_report, check_shared_tracking
from reporting.study import ReportKind
from tests.reporting.built import ALL_VARIANTS, copy_of, render, report_of, reports_of
from tests.reporting.headers import COLUMNS, ROWS, digital, uid
from tests.reporting.studies import CASES, finding, four, read, square, study_of
from tests.reporting.tree import items_named


@dataclass(frozen=True)
class Fault:
    kind: ReportKind
    cause: type[causes.SelfCheckFailed]
    spoil: Callable[[Dataset], None]
    case: str = "with_findings"


def _other_image(report: Dataset) -> None:
    items_named(report, "111041")[0].ContentSequence[0].ReferencedContentItemIdentifier = [1, 2, 2]


def _other_image_for_the_center(report: Dataset) -> None:
    items_named(report, "111010")[0].ContentSequence[0].ReferencedContentItemIdentifier = [1, 2, 4]


def _no_image(report: Dataset) -> None:
    items_named(report, "111041")[0].ContentSequence[0].ReferencedContentItemIdentifier = [1, 3]


def _nowhere(report: Dataset) -> None:
    items_named(report, "111010")[0].ContentSequence[0].ReferencedContentItemIdentifier = [1, 2, 77]


def _outside(report: Dataset) -> None:
    items_named(report, "111010")[0].GraphicData = [COLUMNS + 1.0, 10.0]


def _above(report: Dataset) -> None:
    items_named(report, "111010")[0].GraphicData = [10.0, -0.5]


def _open(report: Dataset) -> None:
    outline = items_named(report, "111041")[0]
    outline.GraphicData = list(outline.GraphicData)[:-2]


def _moved(report: Dataset) -> None:
    center = items_named(report, "111010")[0]
    center.GraphicData = [center.GraphicData[0] + 1, center.GraphicData[1]]


def _value(report: Dataset, concept: str, value: str) -> None:
    items_named(report, concept)[0].ConceptCodeSequence[0].CodeValue = value


def _without_the_last_finding(report: Dataset) -> None:
    del items_named(report, "111017")[0].ContentSequence[-1]


def _a_finding_twice(report: Dataset) -> None:
    impressions = items_named(report, "111017")[0].ContentSequence
    impressions[1] = impressions[0]


def _other_tracking_uid(report: Dataset) -> None:
    items_named(report, "112040")[0].UID = uid("nobody")


def _other_certainty(report: Dataset) -> None:
    items_named(report, "111012")[0].MeasuredValueSequence[0].NumericValue = 12


def _evidence_too_short(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[1]


def _no_evidence(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence


def _foreign_image_in_the_library(report: Dataset) -> None:
    items_named(report, "111028")[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = uid("x")


def _detections_of_other_images(report: Dataset) -> None:
    detection = items_named(report, "111022")[0]
    detection.ContentSequence[-1].ReferencedContentItemIdentifier = [1, 2, 1]


def _other_patient(report: Dataset) -> None:
    report.PatientID = "P-0002"


def _other_name(report: Dataset) -> None:
    report.PatientName = "Example^Erich"


def _other_study(report: Dataset) -> None:
    report.StudyInstanceUID = uid("another study")


def _in_a_series_of_images(report: Dataset) -> None:
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    report.SeriesInstanceUID = evidence.SeriesInstanceUID


def _region_of_another_image(report: Dataset) -> None:
    region = items_named(report, "111030")[0]
    others = {one.ReferencedSOPInstanceUID for one in _referenced(report)}
    reference = region.ContentSequence[0].ReferencedSOPSequence[0]
    reference.ReferencedSOPInstanceUID = next(iter(sorted(others - {reference.ReferencedSOPInstanceUID})))


def _referenced(report: Dataset) -> list[Dataset]:
    return list(report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence)


def _region_outside(report: Dataset) -> None:
    items_named(report, "111030")[0].GraphicData = [float(one) for point in square(50, ROWS, 60) for one in point]


def _region_of_another_type(report: Dataset) -> None:
    _value(report, "121071", "129769006")


def _state_for_another_image(report: Dataset) -> None:
    report.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID = uid("another image")


def _mark_outside(report: Dataset) -> None:
    graphic = report.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    graphic.GraphicData = [float(one) for point in square(COLUMNS, 50, 20) for one in point]


def _mark_left_out(report: Dataset) -> None:
    del report.GraphicAnnotationSequence[0].GraphicObjectSequence


def _not_burned_in(report: Dataset) -> None:
    report.BurnedInAnnotation = "NO"


def _another_source(report: Dataset) -> None:
    report.SourceImageSequence[0].ReferencedSOPInstanceUID = uid("another image")


_CAD: ReportKind = "mammography_cad_sr"
_MEASURED: ReportKind = "measurement_report"
_STATE: ReportKind = "presentation_state"
_PICTURE: ReportKind = "summary_image"

FAULTS = {
    "a mark on another image": Fault(_CAD, causes.MarkOnWrongImage, _other_image),
    "a center on another image": Fault(_CAD, causes.MarkOnWrongImage, _other_image_for_the_center),
    "a reference to something that is no image": Fault(_CAD, causes.DanglingReference, _no_image),
    "a reference to nothing": Fault(_CAD, causes.DanglingReference, _nowhere),
    "a mark right of the image": Fault(_CAD, causes.CoordinatesOutsideImage, _outside),
    "a mark above the image": Fault(_CAD, causes.CoordinatesOutsideImage, _above),
    "an open outline": Fault(_CAD, causes.OpenOutline, _open),
    "a mark beside the place": Fault(_CAD, causes.MarkMoved, _moved),
    "without findings, it says": Fault(
        _CAD, causes.SummaryContradictsFindings, lambda report: _value(report, "111017", "111241")
    ),
    "with findings, it says": Fault(
        _CAD, causes.SummaryContradictsFindings, lambda report: _value(report, "111017", "111242"), "normal"
    ),
    "all succeeded, it says": Fault(
        _CAD, causes.SummaryContradictsFindings, lambda report: _value(report, "111064", "111222"), "one_unreadable"
    ),
    "not attempted, it says": Fault(
        _CAD, causes.SummaryContradictsFindings, lambda report: _value(report, "111064", "111225"), "all_failed"
    ),
    "detections in other images": Fault(_CAD, causes.SummaryContradictsFindings, _detections_of_other_images),
    "a finding left out": Fault(_CAD, causes.FindingsDiffer, _without_the_last_finding),
    "a finding twice": Fault(_CAD, causes.FindingsDiffer, _a_finding_twice),
    "another tracking UID": Fault(_CAD, causes.FindingsDiffer, _other_tracking_uid),
    "another certainty": Fault(_CAD, causes.FindingsDiffer, _other_certainty),
    "another type": Fault(_CAD, causes.FindingsDiffer, lambda report: _value(report, "111059", "129769006")),
    "a mark that draws itself unasked": Fault(
        _CAD, causes.WrongRenderingIntent, lambda report: _value(report, "111056", "111150")
    ),
    "evidence too short": Fault(_CAD, causes.ReferenceNotInEvidence, _evidence_too_short),
    "no evidence": Fault(_MEASURED, causes.ReferenceNotInEvidence, _no_evidence),
    "an image of nobody": Fault(_CAD, causes.ReferenceNotInEvidence, _foreign_image_in_the_library),
    "another patient": Fault(_CAD, causes.PatientIdentityDiffers, _other_patient),
    "another name": Fault(_PICTURE, causes.PatientIdentityDiffers, _other_name),
    "another study": Fault(_MEASURED, causes.PatientIdentityDiffers, _other_study),
    "a series of images": Fault(_CAD, causes.PatientIdentityDiffers, _in_a_series_of_images),
    "a region of another image": Fault(_MEASURED, causes.MarkOnWrongImage, _region_of_another_image),
    "a region outside": Fault(_MEASURED, causes.CoordinatesOutsideImage, _region_outside),
    "a region of another type": Fault(_MEASURED, causes.FindingsDiffer, _region_of_another_type),
    "a region under another tracking UID": Fault(
        _MEASURED,
        causes.FindingsDiffer,
        lambda report: setattr(items_named(report, "112040")[-1], "UID", uid("nobody")),
    ),
    "a presentation state for another image": Fault(_STATE, causes.MarkOnWrongImage, _state_for_another_image),
    "a drawn mark outside": Fault(_STATE, causes.CoordinatesOutsideImage, _mark_outside),
    "a drawn mark left out": Fault(_STATE, causes.FindingsDiffer, _mark_left_out),
    "a picture that denies what is burned in": Fault(_PICTURE, causes.PatientIdentityDiffers, _not_burned_in),
    "a picture of other images": Fault(_PICTURE, causes.ReferenceNotInEvidence, _another_source),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_single_fault_is_caught_under_its_own_name(name: str) -> None:
    fault = FAULTS[name]
    report = copy_of(report_of(fault.case, fault.kind))
    outcome = outcome_of(CASES[fault.case]())
    check_report(report, outcome)
    fault.spoil(report.dataset)
    with pytest.raises(fault.cause) as raised:
        check_report(report, outcome)
    assert type(raised.value) is fault.cause


@pytest.mark.parametrize("name", FAULTS)
def test_no_message_tells_who_the_patient_is(name: str) -> None:
    fault = FAULTS[name]
    report = copy_of(report_of(fault.case, fault.kind))
    fault.spoil(report.dataset)
    with pytest.raises(causes.SelfCheckFailed) as raised:
        check_report(report, outcome_of(CASES[fault.case]()))
    assert not any(word in str(raised.value) for word in ("Example", "Erika", "P-000", "1964"))


def test_reports_that_name_a_finding_differently_are_caught() -> None:
    cad, measured = (copy_of(report_of("with_findings", kind)) for kind in (_CAD, _MEASURED))
    check_shared_tracking([cad, measured])
    items_named(measured.dataset, "112040")[-1].UID = uid("nobody")
    with pytest.raises(causes.FindingsDiffer):
        check_shared_tracking([cad, measured])


def _marked(*marks: Finding, **header: object) -> None:
    study = study_of(read(digital("R", "CC", **header), "R", "CC", *marks))
    build_reports(study, ALL_VARIANTS, render)


def test_a_result_with_an_open_outline_builds_nothing() -> None:
    mark = finding("open")
    with pytest.raises(causes.OpenOutline):
        _marked(mark.model_copy(update={"outline": mark.outline[:-1]}))


def test_a_result_with_a_mark_outside_builds_nothing() -> None:
    with pytest.raises(causes.CoordinatesOutsideImage):
        _marked(finding("outside", center=(COLUMNS - 10, 500)))


def test_a_marked_image_of_unknown_size_builds_nothing() -> None:
    with pytest.raises(causes.CoordinatesOutsideImage):
        _marked(finding("somewhere"), Rows=None)


def test_two_findings_under_one_tracking_uid_build_nothing() -> None:
    with pytest.raises(causes.FindingsDiffer):
        _marked(finding("one"), finding("one", center=(500, 600)))


def test_a_mark_may_touch_the_edge_of_the_image() -> None:
    _marked(finding("edge").model_copy(update={"outline": square(COLUMNS - 100, 100, 100)}))


def test_every_report_of_every_case_passes() -> None:
    for case, make in CASES.items():
        outcome = outcome_of(make())
        for report in reports_of(case):
            check_report(report, outcome)


def test_a_report_of_another_generation_of_the_result_does_not_pass() -> None:
    fewer = study_of(*four())
    with pytest.raises(causes.FindingsDiffer):
        check_report(report_of("with_findings", _MEASURED), outcome_of(replace(fewer)))
