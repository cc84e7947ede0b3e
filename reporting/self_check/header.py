"""Whether a report is about the patient, the study and the images it says it is about."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset

from reporting import broken_headers
from reporting.content_item import walk
from reporting.header import HEADER_KEYWORDS, study_header
from reporting.outcome import StudyOutcome
from reporting.self_check.causes import PatientIdentityDiffers, ReferenceNotInEvidence

_IDENTITY: Final = ("PatientID", "PatientName", "IssuerOfPatientID", "AccessionNumber")


def check_identity(report: Dataset, outcome: StudyOutcome) -> None:
    header = study_header(outcome.study)
    if report.get("StudyInstanceUID") != outcome.study.study_instance_uid:
        raise PatientIdentityDiffers("the report belongs to another study")
    for keyword in HEADER_KEYWORDS:
        if str(report.get(keyword) or "") != str(header.get(keyword) or ""):
            raise PatientIdentityDiffers(f"{keyword} of the report is not that of the images")
    _check_against_images(report, outcome)
    series = {image.series_instance_uid for image in (*outcome.given, *outcome.kept)}
    if report.SeriesInstanceUID in series:
        raise PatientIdentityDiffers("the report lies in a series of images")


def _check_against_images(report: Dataset, outcome: StudyOutcome) -> None:
    """Identity once more, straight against the images: a fault in what builds headers must not vouch for itself."""
    for keyword in _IDENTITY:
        in_images = {broken_headers.text(image.header, keyword) for image in outcome.study.images} - {""}
        written = broken_headers.text(report, keyword)
        if written not in (in_images or {""}):
            raise PatientIdentityDiffers(f"{keyword} of the report stands in none of its images")


def check_evidence(report: Dataset, outcome: StudyOutcome) -> None:
    listed = {
        (reference.ReferencedSOPInstanceUID, reference.ReferencedSOPClassUID, series.SeriesInstanceUID)
        for study in report.get("CurrentRequestedProcedureEvidenceSequence", ())
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }
    wanted = {(image.sop_instance_uid, image.sop_class_uid, image.series_instance_uid) for image in outcome.referenced}
    if listed != wanted:
        raise ReferenceNotInEvidence("the evidence does not list exactly the images that the report is about")
    known = {(instance, sop_class) for instance, sop_class, _ in listed}
    for _, item in walk(report):
        for reference in item.get("ReferencedSOPSequence", ()):
            if (reference.ReferencedSOPInstanceUID, reference.ReferencedSOPClassUID) not in known:
                raise ReferenceNotInEvidence("the content references an image that the evidence does not list")
