"""Who found it: Algorithm Identification (PS3.16 TID 4019)."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset

from reporting.cad_sr import content_item
from reporting.codes import dicom
from reporting.study import StudyToReport
from reporting.wording import NOT_CALIBRATED, RESEARCH_USE_ONLY, plain_ascii

ALGORITHM_NAME: Final = "mammogate"
_UT: Final = 512


def algorithm_version(study: StudyToReport) -> str:
    """Both versions that a score depends on."""
    return plain_ascii(f"{study.software_version}, model {study.result.model_version}", _UT)


def algorithm_parameters(study: StudyToReport) -> list[str]:
    """What a reader of the scores must know; the only free texts that TID 4000 has room for."""
    return [
        plain_ascii(f"Engine {study.result.engine}", _UT),
        "Certainty of finding is the peak score of the marked region",
        NOT_CALIBRATED,
        RESEARCH_USE_ONLY,
    ]


def algorithm_items(study: StudyToReport) -> list[Dataset]:
    """The rows of TID 4019 as properties of a finding or a detection."""
    return [
        content_item.text("HAS PROPERTIES", dicom.ALGORITHM_NAME, ALGORITHM_NAME),
        content_item.text("HAS PROPERTIES", dicom.ALGORITHM_VERSION, algorithm_version(study)),
        *(content_item.text("HAS PROPERTIES", dicom.ALGORITHM_PARAMETERS, one) for one in algorithm_parameters(study)),
    ]
