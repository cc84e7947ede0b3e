"""Who found it: Algorithm Identification as content items (PS3.16 TID 4019)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from reporting import content_item
from reporting.algorithm import ALGORITHM_NAME, algorithm_parameters, algorithm_version
from reporting.codes import dicom
from reporting.study import StudyToReport


def algorithm_items(study: StudyToReport) -> list[Dataset]:
    """The rows of TID 4019 as properties of a finding or a detection."""
    return [
        content_item.text("HAS PROPERTIES", dicom.ALGORITHM_NAME, ALGORITHM_NAME),
        content_item.text("HAS PROPERTIES", dicom.ALGORITHM_VERSION, algorithm_version(study)),
        *(content_item.text("HAS PROPERTIES", dicom.ALGORITHM_PARAMETERS, one) for one in algorithm_parameters(study)),
    ]
