"""The Mammography CAD SR document, root template TID 4000 (PS3.16), on PS3.3 A.35.5."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import MammographyCADSRStorage

from reporting import content_item
from reporting.cad_sr.findings import impression
from reporting.cad_sr.image_library import entry
from reporting.cad_sr.summaries import processing_summary, summary_of_analyses, summary_of_detections
from reporting.codes import dicom, snomed
from reporting.outcome import StudyOutcome
from reporting.sr_document import stamp_document
from reporting.study import BuiltReport, Dialect, ReportKind
from reporting.uids import instance_uid, series_uid

KIND: Final[ReportKind] = "mammography_cad_sr"
_SERIES_NUMBER: Final = 9901


def build_cad_sr(outcome: StudyOutcome, dialect: Dialect) -> BuiltReport:
    """The CAD marks of one study. TID 4000 is not extensible and its order matters: no item of our own may be added."""
    study = outcome.study
    sop_class = MammographyCADSRStorage
    report = _content_tree(outcome)
    snomed.translate(report, dialect)
    report.SOPClassUID = sop_class
    report.SOPInstanceUID = instance_uid(study, KIND, sop_class, dialect)
    report.SeriesInstanceUID = series_uid(study, KIND, sop_class, dialect)
    report.SeriesNumber = _SERIES_NUMBER
    stamp_document(report, outcome, KIND, dialect, "AI marks")
    return BuiltReport(KIND, dialect, sop_class, report.SOPInstanceUID, report.SeriesInstanceUID, None, report)


def _content_tree(outcome: StudyOutcome) -> Dataset:
    study = outcome.study
    references = content_item.References()
    entries = {image.sop_instance_uid: entry(image) for image in outcome.referenced}
    impressions = [
        impression(study, finding, number, entries[image.sop_instance_uid], references)
        for number, (image, finding) in enumerate(outcome.findings, start=1)
    ]
    root = content_item.container(
        None,
        dicom.MAMMOGRAPHY_CAD_REPORT,
        [
            content_item.code("HAS CONCEPT MOD", dicom.LANGUAGE, dicom.ENGLISH),
            content_item.container("CONTAINS", dicom.IMAGE_LIBRARY, entries.values()),
            content_item.code(
                "CONTAINS", dicom.PROCESSING_AND_FINDINGS_SUMMARY, processing_summary(outcome), impressions
            ),
            summary_of_detections(outcome, entries, references),
            summary_of_analyses(),
        ],
    )
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "4000"
    root.ContentTemplateSequence = [template]
    references.resolve(root)
    return root
