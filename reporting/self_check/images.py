"""What a presentation state and the summary picture must agree with."""

from __future__ import annotations

from pydicom.dataset import Dataset

from reporting.outcome import StudyOutcome
from reporting.self_check.causes import (
    FindingsDiffer,
    MarkOnWrongImage,
    PatientIdentityDiffers,
    ReferenceNotInEvidence,
)
from reporting.self_check.places import check_place
from reporting.study import BuiltReport


def check_presentation_state(report: BuiltReport, outcome: StudyOutcome) -> None:
    image = next((one for one in outcome.read if one.sop_instance_uid == report.source_sop_instance_uid), None)
    if image is None:
        raise MarkOnWrongImage("the presentation state is for an image that was not read")
    expected = {finding.tracking_uid: finding for finding in image.findings}
    references = [
        *(one for series in report.dataset.ReferencedSeriesSequence for one in series.ReferencedImageSequence),
        *(one for note in report.dataset.GraphicAnnotationSequence for one in note.ReferencedImageSequence),
    ]
    if any(one.ReferencedSOPInstanceUID != image.sop_instance_uid for one in references):
        raise MarkOnWrongImage("the presentation state references another image than it is for")
    met: list[str] = []
    for note in report.dataset.GraphicAnnotationSequence:
        for graphic in note.get("GraphicObjectSequence", ()):
            uid = str(graphic.get("TrackingUID", ""))
            if uid not in expected:
                raise FindingsDiffer("the presentation state has a mark that the result has not")
            met.append(uid)
            check_place(graphic.GraphicData, expected[uid].outline, image, closed=True)
    if sorted(met) != sorted(expected):
        raise FindingsDiffer("the presentation state leaves out a mark, or has one twice")


def check_picture(report: Dataset, outcome: StudyOutcome) -> None:
    sources = {one.ReferencedSOPInstanceUID for one in report.get("SourceImageSequence", ())}
    if sources != {image.sop_instance_uid for image in outcome.referenced}:
        raise ReferenceNotInEvidence("the picture names other source images than it shows")
    if report.get("BurnedInAnnotation") != "YES":
        raise PatientIdentityDiffers("the picture does not say that patient data are burned in")
