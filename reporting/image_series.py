"""What presentation states and pictures share: the patient, study, series and equipment modules around them."""

from __future__ import annotations

from pydicom.dataset import Dataset

from reporting.character_set import stamp_character_set
from reporting.equipment import file_meta_for, stamp_equipment
from reporting.header import stamp_header, study_header
from reporting.study import StudyToReport
from reporting.wording import RESEARCH_USE_ONLY, plain_ascii

_LO = 64


def stamp_image_object(report: Dataset, study: StudyToReport, title: str, laterality: str) -> None:
    """Fill in the modules around an object that is no SR.

    Laterality (0020,0060) is Type 2C for paired body parts (PS3.3 C.7.3.1): empty when both breasts are on a page.
    """
    stamp_header(report, study_header(study))
    stamp_equipment(report, study)
    report.SeriesDescription = plain_ascii(f"{title}. {RESEARCH_USE_ONLY}", _LO)
    report.BodyPartExamined = "BREAST"
    report.Laterality = laterality
    stamp_character_set(report, study)
    report.preamble = b"\0" * 128
    report.file_meta = file_meta_for(report)
