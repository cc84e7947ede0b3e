"""What a Mammography CAD SR must agree with: the findings, their images, the summaries."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset

from reporting.cad_sr.findings import rendering_intent
from reporting.cad_sr.summaries import detection_status, processing_summary
from reporting.codes import dicom
from reporting.codes.findings import FINDING_CODES
from reporting.content_item import walk
from reporting.outcome import StudyOutcome
from reporting.self_check.causes import FindingsDiffer, SummaryContradictsFindings, WrongRenderingIntent
from reporting.self_check.places import check_place, check_target, is_code_of
from reporting.self_check.tree import coded_value, is_reference, named, only, referenced_instance, target_of

_SCORE_TOLERANCE: Final = 0.006


def check_cad_sr(report: Dataset, outcome: StudyOutcome) -> None:
    items = dict(walk(report))
    summary = only(report, dicom.PROCESSING_AND_FINDINGS_SUMMARY.value)
    detections = only(report, dicom.SUMMARY_OF_DETECTIONS.value)
    expected = {finding.tracking_uid: (image, finding) for image, finding in outcome.findings}
    intents = {rendering_intent(outcome.study).value}
    met: list[str] = []
    for impression in summary.get("ContentSequence", ()):
        finding_item = only(impression, dicom.SINGLE_IMAGE_FINDING.value)
        uid = str(only(finding_item, dicom.TRACKING_UNIQUE_IDENTIFIER.value).UID)
        if uid not in expected:
            raise FindingsDiffer("the report has a finding that the result has not")
        image, finding = expected[uid]
        met.append(uid)
        for intent in (impression, finding_item):
            if coded_value(only(intent, dicom.RENDERING_INTENT.value)) not in intents:
                raise WrongRenderingIntent("a finding's rendering intent is not the one that the site chose")
        certainty = only(finding_item, dicom.CERTAINTY_OF_FINDING.value).MeasuredValueSequence[0].NumericValue
        if not is_code_of(finding_item, finding) or abs(float(certainty) - finding.score * 100) > _SCORE_TOLERANCE:
            raise FindingsDiffer("a finding's type or score is not that of the result")
        for concept, points in ((dicom.CENTER, (finding.center,)), (dicom.OUTLINE, finding.outline)):
            place = only(finding_item, concept.value)
            check_place(place.GraphicData, points, image, closed=concept is dicom.OUTLINE)
            check_target(target_of(place.ContentSequence[0], items), image)
    if sorted(met) != sorted(expected):
        raise FindingsDiffer("the report leaves out a finding, or has one twice")
    _check_summaries(coded_value(summary), detections, items, outcome)


def _check_summaries(
    summary: str, detections: Dataset, items: dict[tuple[int, ...], Dataset], outcome: StudyOutcome
) -> None:
    if summary != processing_summary(outcome).value or coded_value(detections) != detection_status(outcome).value:
        raise SummaryContradictsFindings("a summary code contradicts what was read and found")
    for concept, images in ((dicom.SUCCESSFUL_DETECTIONS, outcome.read), (dicom.FAILED_DETECTIONS, outcome.failed)):
        containers = named(detections, concept.value)
        if len(containers) != bool(images):
            raise SummaryContradictsFindings("the lists of detections contradict what was read")
        for container in containers:
            wanted = [image.sop_instance_uid for image in images]
            performed = container.get("ContentSequence", ())
            if len(performed) != len(FINDING_CODES):
                raise SummaryContradictsFindings("a detection is not listed")
            for detection in performed:
                found = [
                    referenced_instance(target_of(item, items))
                    for item in detection.ContentSequence
                    if is_reference(item)
                ]
                if found != wanted:
                    raise SummaryContradictsFindings("a list of detections names other images than were searched")
