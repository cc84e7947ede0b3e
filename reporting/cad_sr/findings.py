"""Findings of a Mammography CAD SR (PS3.16 TID 4003, TID 4006, TID 4021)."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from inference.results import Finding
from reporting import content_item
from reporting.cad_sr.algorithm import algorithm_items
from reporting.codes import dicom
from reporting.codes.findings import FINDING_CODES
from reporting.study import StudyToReport


def rendering_intent(study: StudyToReport) -> Code:
    """CID 6034. A workstation draws without being asked only what is Required all the way down (PS3.4 O.2.2.1)."""
    return dicom.PRESENTATION_REQUIRED if study.draw_without_asking else dicom.PRESENTATION_OPTIONAL


def impression(
    study: StudyToReport, finding: Finding, number: int, image_entry: Dataset, references: content_item.References
) -> Dataset:
    """One Individual Impression/Recommendation with the one finding it rests on.

    Probability of cancer (111047, DCM) is left out: it is defined as the likelihood that the finding is cancerous,
    which a score that nobody calibrated isn't. Shape, margins and distribution are left out because nobody knows them.
    """
    intent = rendering_intent(study)
    single_image_finding = content_item.code(
        "CONTAINS",
        dicom.SINGLE_IMAGE_FINDING,
        FINDING_CODES[finding.type],
        [
            content_item.code("HAS CONCEPT MOD", dicom.RENDERING_INTENT, intent),
            content_item.text("HAS OBS CONTEXT", dicom.TRACKING_IDENTIFIER, f"Finding {number}"),
            content_item.uid_reference("HAS OBS CONTEXT", dicom.TRACKING_UNIQUE_IDENTIFIER, finding.tracking_uid),
            *algorithm_items(study),
            content_item.number(
                "HAS PROPERTIES", dicom.CERTAINTY_OF_FINDING, round(finding.score * 100, 2), dicom.PERCENT
            ),
            content_item.coordinates(
                "HAS PROPERTIES", dicom.CENTER, "POINT", [finding.center], [references.to("SELECTED FROM", image_entry)]
            ),
            content_item.coordinates(
                "HAS PROPERTIES",
                dicom.OUTLINE,
                "POLYLINE",
                finding.outline,
                [references.to("SELECTED FROM", image_entry)],
            ),
        ],
    )
    return content_item.container(
        "INFERRED FROM",
        dicom.INDIVIDUAL_IMPRESSION,
        [content_item.code("HAS CONCEPT MOD", dicom.RENDERING_INTENT, intent), single_image_finding],
    )
