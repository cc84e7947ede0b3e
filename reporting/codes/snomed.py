"""SNOMED concepts in the two dialects that readers of mammography reports know.

SCT is current. SRT ("SNOMED-RT style" codes) is what workstations built before 2019 recognise; DICOM CP-1850 replaced
it, PS3.16 table O-1 maps one to the other. Trees are built in SCT and translated as a whole, last.
"""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from reporting.study import Dialect


class NoCodeInDialect(Exception):
    """A tree holds a SNOMED code that the wanted dialect has no known code for."""


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


# CID 6014, single image findings. A mass seen in one view is a "breast density" there: 129788004 (Mammographic
# breast mass) belongs to composite features (CID 6016) only.
CALCIFICATION_CLUSTER: Final = _sct("129769006", "Calcification Cluster")
BREAST_DENSITY: Final = _sct("129793001", "Mammography breast density")

# CID 6022, side
RIGHT_BREAST: Final = _sct("73056007", "Right breast")
LEFT_BREAST: Final = _sct("80248007", "Left breast")

# CID 244, laterality
RIGHT: Final = _sct("24028007", "Right")
LEFT: Final = _sct("7771000", "Left")

BREAST: Final = _sct("76752008", "Breast")
IMAGING_PROCEDURE: Final = _sct("363679005", "Imaging procedure")

_SCT_TO_SRT: Final[dict[str, str]] = {
    # findings
    "129769006": "F-01775",
    "129793001": "F-01796",
    # anatomy and side
    "73056007": "T-04020",
    "80248007": "T-04030",
    "76752008": "T-04000",
    "24028007": "G-A100",
    "7771000": "G-A101",
    # concept names
    "363698007": "G-C0E3",  # Finding Site
    "272741003": "G-C171",  # Laterality
    "260753009": "G-C05F",  # Source
    # CID 4014, views
    "399260004": "R-10224",
    "399368009": "R-10226",
    "399352003": "R-10228",
    "399099002": "R-10230",
    "399162004": "R-10242",
    "399196006": "R-10244",
    "399192008": "R-1024A",
    "399101009": "R-1024B",
    "399188001": "R-102D0",
    "441555000": "R-40AAA",
    # CID 4015, view modifiers
    "399011000": "R-102D1",
    "399161006": "R-102D2",
    "399197002": "R-102D3",
    "399226006": "R-102D4",
    "399209000": "R-102D5",
    "399163009": "R-102D6",
    "399055006": "R-102D7",
    "414493004": "R-102CA",
    "415670009": "R-102C9",
    "399110001": "R-102C2",
    "441752004": "P2-00161",
    "442580003": "R-40AB2",
    "442581004": "R-40AB3",
    "442593008": "R-40ABE",
}
_NEVER_TRANSLATED: Final = frozenset({"363679005"})
"""Imaging procedure: CID 100, the only list it is used from, has it in SCT alone."""
SRT_TO_SCT: Final[dict[str, str]] = {srt: sct for sct, srt in _SCT_TO_SRT.items()}


def translate(content: Dataset, dialect: Dialect) -> None:
    """Rewrite every SCT code of a content tree, in place, in the wanted dialect (PS3.16 table O-1)."""
    if dialect == "SCT":
        return
    for element in content:
        if element.VR != "SQ":
            continue
        for item in element.value:
            if item.get("CodingSchemeDesignator") == "SCT" and item.CodeValue not in _NEVER_TRANSLATED:
                if item.CodeValue not in _SCT_TO_SRT:
                    raise NoCodeInDialect(
                        f"SCT code {item.CodeValue} ({item.CodeMeaning}) has no SRT code in the table"
                    )
                item.CodeValue = _SCT_TO_SRT[item.CodeValue]
                item.CodingSchemeDesignator = "SRT"
            translate(item, dialect)
