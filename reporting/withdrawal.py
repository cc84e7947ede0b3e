"""Taking back pictures and presentation states of an earlier generation: an IOCM rejection note.

A Structured Report names its predecessors, other objects can't. IHE Imaging Object Change Management withdraws them
with a Key Object Selection whose title says why (IHE RAD-66 Rejection Note Stored; PS3.16 TID 2010, CID 7010). An
archive that knows IOCM then hides what the note lists. The title is 113001 (Rejected for Quality Reasons): what it
lists shows results that newer images have overtaken. Patient safety and a wrong worklist entry are other matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from reporting import content_item
from reporting.character_set import stamp_character_set
from reporting.codes import dicom
from reporting.equipment import creation_time, file_meta_for, stamp_equipment
from reporting.header import stamp_header, study_header
from reporting.self_check.texts import check_texts
from reporting.sr_document import hierarchy
from reporting.study import BuiltReport, Predecessor, ReportKind, StudyToReport
from reporting.uids import withdrawal_uids
from reporting.wording import RESEARCH_USE_ONLY, plain_ascii

WITHDRAWABLE: Final[tuple[ReportKind, ...]] = ("presentation_state", "summary_image")
DESCRIPTION: Final = "Replaced: more images of the study came, and newer AI results take the place of these"
_SERIES_NUMBER: Final = 9905
_LO: Final = 64


class NothingToWithdraw(Exception):
    """The study has no presentation state or picture of an earlier generation."""


def build_withdrawal(study: StudyToReport) -> BuiltReport:
    """The rejection note for the pictures and presentation states among the study's predecessors.

    Raises NothingToWithdraw, PatientsDisagree, or TextNotAsWritten when a reader would get other texts than are meant.
    """
    withdrawn = [one for one in study.predecessors if one.kind in WITHDRAWABLE]
    if not withdrawn:
        raise NothingToWithdraw("no presentation state or picture of an earlier generation is named")
    sop_class = KeyObjectSelectionDocumentStorage
    instance, series = withdrawal_uids(study)
    report = _content(withdrawn)
    report.SOPClassUID = sop_class
    report.SOPInstanceUID, report.SeriesInstanceUID = instance, series
    report.SeriesNumber, report.InstanceNumber = _SERIES_NUMBER, 1
    report.Modality = "KO"
    report.SeriesDescription = plain_ascii(f"AI withdrawn. {RESEARCH_USE_ONLY}", _LO)
    report.ReferencedPerformedProcedureStepSequence = []
    created = creation_time(study)
    report.ContentDate, report.ContentTime = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    report.CurrentRequestedProcedureEvidenceSequence = [
        hierarchy(
            study.study_instance_uid,
            [(one.series_instance_uid, one.sop_class_uid, one.sop_instance_uid) for one in withdrawn],
        )
    ]
    stamp_header(report, study_header(study))
    stamp_equipment(report, study)
    stamp_character_set(report, study)
    report.preamble = b"\0" * 128
    report.file_meta = file_meta_for(report)
    # A note goes the way of the kind it withdraws, so that destinations without pictures get no note on pictures.
    note = BuiltReport(withdrawn[0].kind, "SCT", sop_class, instance, series, None, report)
    check_texts(note, study)
    return note


def _content(withdrawn: Sequence[Predecessor]) -> Dataset:
    """TID 2010 (PS3.16): a title, a sentence, and every object that is withdrawn."""
    root = content_item.container(
        None,
        dicom.REJECTED_FOR_QUALITY_REASONS,
        [
            content_item.code("HAS CONCEPT MOD", dicom.LANGUAGE, dicom.ENGLISH),
            content_item.text("CONTAINS", dicom.KEY_OBJECT_DESCRIPTION, DESCRIPTION),
            *(_reference(one) for one in withdrawn),
        ],
    )
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "2010"
    root.ContentTemplateSequence = [template]
    return root


def _reference(one: Predecessor) -> Dataset:
    if one.kind == "summary_image":
        return content_item.image("CONTAINS", one.sop_class_uid, one.sop_instance_uid, ())
    return content_item.composite("CONTAINS", one.sop_class_uid, one.sop_instance_uid)
