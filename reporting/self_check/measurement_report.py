"""What a measurement report must agree with: the findings and their images."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from reporting.codes import dicom
from reporting.content_item import walk
from reporting.outcome import StudyOutcome
from reporting.self_check.causes import FindingsDiffer
from reporting.self_check.places import check_place, check_target, is_code_of
from reporting.self_check.tree import named, only


def check_measurement_report(report: Dataset, outcome: StudyOutcome) -> None:
    expected = {finding.tracking_uid: (image, finding) for image, finding in outcome.findings}
    met: list[str] = []
    for group in _regions(report):
        uid = str(only(group, dicom.TRACKING_UNIQUE_IDENTIFIER.value).UID)
        if uid not in expected:
            raise FindingsDiffer("the report has a region that the result has not")
        image, finding = expected[uid]
        met.append(uid)
        region = only(group, dicom.IMAGE_REGION.value)
        check_place(region.GraphicData, finding.outline, image, closed=True)
        check_target(region.ContentSequence[0], image)
        if not is_code_of(only(group, "121071"), finding):
            raise FindingsDiffer("a region's type is not that of the result")
    if sorted(met) != sorted(expected):
        raise FindingsDiffer("the report leaves out a region, or has one twice")


def _regions(report: Dataset) -> Iterator[Dataset]:
    for _, item in walk(report):
        concept = item.get("ConceptNameCodeSequence")
        if concept and concept[0].CodeValue == dicom.MEASUREMENT_GROUP.value and named(item, dicom.IMAGE_REGION.value):
            yield item
