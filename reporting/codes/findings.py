"""What the types of finding are called in single images (PS3.16 CID 6014)."""

from __future__ import annotations

from typing import Final

from pydicom.sr.coding import Code

from inference.classes import FindingType
from reporting.codes import snomed

FINDING_CODES: Final[dict[FindingType, Code]] = {
    "calcification": snomed.CALCIFICATION_CLUSTER,
    "mass": snomed.BREAST_DENSITY,
}
"""CID 6014. Both are detected in every image, so both are also what Detection Performed (111022, DCM) names."""
