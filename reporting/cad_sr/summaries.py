"""What could be done at all: the summary codes of a Mammography CAD SR (PS3.16 TID 4000, 4001, 4015, 4017).

| images given | findings | 111017 processing and findings | 111064 detections |
|---|---|---|---|
| all read | some | 111242 | 111222 Succeeded |
| all read | none | 111241 | 111222 Succeeded |
| some read | some | 111244 | 111223 Partially Succeeded |
| some read | none | 111243 | 111223 Partially Succeeded |
| none read | - | 111245 | 111224 Failed |
| none given | - | 111245 | 111225 Not Attempted, and no detection is mentioned |

A normal study is a report that says so (111241). No report means that the gateway did not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from reporting import content_item
from reporting.cad_sr.algorithm import algorithm_items
from reporting.codes import dicom
from reporting.codes.findings import FINDING_CODES
from reporting.outcome import ReportedImage, StudyOutcome


def processing_summary(outcome: StudyOutcome) -> Code:
    """CID 6047."""
    if not outcome.read:
        return dicom.NONE_SUCCEEDED
    if outcome.failed:
        return dicom.SOME_FAILED_WITH_FINDINGS if outcome.findings else dicom.SOME_FAILED_WITHOUT_FINDINGS
    return dicom.ALL_SUCCEEDED_WITH_FINDINGS if outcome.findings else dicom.ALL_SUCCEEDED_WITHOUT_FINDINGS


def detection_status(outcome: StudyOutcome) -> Code:
    """CID 6042."""
    if not outcome.given:
        return dicom.NOT_ATTEMPTED
    if not outcome.read:
        return dicom.FAILED
    return dicom.PARTIALLY_SUCCEEDED if outcome.failed else dicom.SUCCEEDED


def summary_of_detections(
    outcome: StudyOutcome, entries: Mapping[str, Dataset], references: content_item.References
) -> Dataset:
    """Which images were searched for what, and in which the search failed."""
    below = [
        content_item.container(
            "INFERRED FROM",
            concept,
            [
                content_item.code(
                    "CONTAINS",
                    dicom.DETECTION_PERFORMED,
                    finding_code,
                    [
                        *algorithm_items(outcome.study),
                        *_images(images, entries, references),
                    ],
                )
                for finding_code in FINDING_CODES.values()
            ],
        )
        for concept, images in ((dicom.SUCCESSFUL_DETECTIONS, outcome.read), (dicom.FAILED_DETECTIONS, outcome.failed))
        if images
    ]
    return content_item.code("CONTAINS", dicom.SUMMARY_OF_DETECTIONS, detection_status(outcome), below)


def summary_of_analyses() -> Dataset:
    """Nothing is measured beside detection (breast composition, say), so analyses were not attempted."""
    return content_item.code("CONTAINS", dicom.SUMMARY_OF_ANALYSES, dicom.NOT_ATTEMPTED)


def _images(
    images: Iterable[ReportedImage], entries: Mapping[str, Dataset], references: content_item.References
) -> list[Dataset]:
    return [references.to("HAS PROPERTIES", entries[image.sop_instance_uid]) for image in images]
