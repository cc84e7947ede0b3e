"""What both Structured Reports share: the SR document modules (PS3.3 C.17.1, C.17.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pydicom.dataset import Dataset

from reporting import broken_headers
from reporting.character_set import stamp_character_set
from reporting.equipment import creation_time, file_meta_for, stamp_equipment
from reporting.header import decoded_copy, stamp_header, study_header
from reporting.outcome import ReportedImage, StudyOutcome
from reporting.study import Dialect, Predecessor, ReportKind
from reporting.wording import RESEARCH_USE_ONLY, plain_ascii

_LO: Final = 64


def stamp_document(report: Dataset, outcome: StudyOutcome, kind: ReportKind, dialect: Dialect, title: str) -> None:
    """Fill in the modules around an SR content tree; the UIDs and the series number are already there."""
    study = outcome.study
    stamp_header(report, study_header(study))
    stamp_equipment(report, study)
    report.Modality = "SR"
    # Neither template of a CAD SR has a row for a remark, so the series carries it: every viewer lists series.
    report.SeriesDescription = plain_ascii(f"{title}. {RESEARCH_USE_ONLY}", _LO)
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    report.InstanceNumber = 1
    created = creation_time(study)
    report.ContentDate, report.ContentTime = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    report.CompletionFlag = "PARTIAL" if outcome.is_partial else "COMPLETE"
    if outcome.is_partial:
        report.CompletionFlagDescription = plain_ascii(outcome.partial_because, _LO)
    # VERIFIED is for people to say.
    report.VerificationFlag = "UNVERIFIED"
    report.CurrentRequestedProcedureEvidenceSequence = [evidence_of(study.study_instance_uid, outcome.referenced)]
    if requests := _requests(outcome):
        report.ReferencedRequestSequence = requests
    predecessors = [one for one in study.predecessors if one.kind == kind and one.dialect == dialect]
    if predecessors:
        report.PredecessorDocumentsSequence = [_predecessors(study.study_instance_uid, predecessors)]
    stamp_character_set(report, study)
    report.preamble = b"\0" * 128
    report.file_meta = file_meta_for(report)


def evidence_of(study_instance_uid: str, images: Iterable[ReportedImage]) -> Dataset:
    """One item of an evidence sequence: study, series, instances (PS3.3 table C.17-3)."""
    return hierarchy(
        study_instance_uid,
        [(image.series_instance_uid, image.sop_class_uid, image.sop_instance_uid) for image in images],
    )


def _predecessors(study_instance_uid: str, documents: Sequence[Predecessor]) -> Dataset:
    return hierarchy(
        study_instance_uid, [(one.series_instance_uid, one.sop_class_uid, one.sop_instance_uid) for one in documents]
    )


def hierarchy(study_instance_uid: str, references: Iterable[tuple[str, str, str]]) -> Dataset:
    """Study > series > instances for (series, SOP class, SOP instance) triples."""
    series: dict[str, dict[str, str]] = {}
    for series_uid, class_uid, instance_uid in references:
        series.setdefault(series_uid, {})[instance_uid] = class_uid
    item = Dataset()
    item.ReferencedSeriesSequence = []
    for series_uid, instances in series.items():
        series_item = Dataset()
        series_item.ReferencedSOPSequence = [_reference(cls, uid) for uid, cls in instances.items()]
        series_item.SeriesInstanceUID = series_uid
        item.ReferencedSeriesSequence.append(series_item)
    item.StudyInstanceUID = study_instance_uid
    return item


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _requests(outcome: StudyOutcome) -> list[Dataset]:
    """Referenced Request Sequence (0040,A370) from the images' Request Attributes Sequence, each request once."""
    found: dict[str, Dataset] = {}
    for image in outcome.referenced:
        header = image.source.header
        for request in broken_headers.items(header, "RequestAttributesSequence"):
            procedure = broken_headers.text(request, "RequestedProcedureID")
            if not procedure or procedure in found:
                continue
            item = Dataset()
            item.StudyInstanceUID = broken_headers.uid(request, "StudyInstanceUID") or outcome.study.study_instance_uid
            item.ReferencedStudySequence = []
            item.AccessionNumber = broken_headers.text(request, "AccessionNumber") or broken_headers.text(
                header, "AccessionNumber"
            )
            item.PlacerOrderNumberImagingServiceRequest = ""
            item.FillerOrderNumberImagingServiceRequest = ""
            item.RequestedProcedureID = procedure
            item.RequestedProcedureDescription = broken_headers.text(request, "RequestedProcedureDescription")
            item.RequestedProcedureCodeSequence = [
                decoded_copy(code) for code in broken_headers.items(request, "RequestedProcedureCodeSequence")
            ]
            found[procedure] = item
    return list(found.values())
