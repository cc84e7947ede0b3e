"""Concepts that no standard code exists for: coding scheme 99MAMMOGATE.

PS3.16 has no code for "probability of class X", so the five class probabilities, which only the measurement report
can hold, are named in a scheme of our own. PS3.3 C.12.1.1.9 wants such a scheme declared in the object.

| code | meaning | value |
|---|---|---|
| PNORMAL PBENCALC PBENMASS PMALCALC PMALMASS | probability of the class as the network gives it | NUM, % |
| MALSCORE | how much of what stands out resembles malignancy, in a region or in the study | NUM, % |
| CLASS | the class with the highest probability | one of the classes below |
| ATTENTION | where the study belongs in the reading order; not a diagnosis | ATTHIGH ATTMEDIUM ATTLOW ATTNONE |
| READSTATE | whether the image, or the study, could be read | READALL READSOME READNONE |
| USE | what the results may be used for | RESEARCHONLY |
"""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from inference.classes import ClassName
from inference.results import Attention
from reporting.wording import RESEARCH_USE_ONLY

SCHEME: Final = "99MAMMOGATE"
SCHEME_NAME: Final = "mammogate result codes"
RESPONSIBLE: Final = "mammogate"


def _own(value: str, meaning: str) -> Code:
    return Code(value, SCHEME, meaning)


CLASS_PROBABILITY: Final[dict[ClassName, Code]] = {
    "normal": _own("PNORMAL", "Probability of class normal"),
    "benign_calcification": _own("PBENCALC", "Probability of class benign calcification"),
    "benign_mass": _own("PBENMASS", "Probability of class benign mass"),
    "malignant_calcification": _own("PMALCALC", "Probability of class malignant calcification"),
    "malignant_mass": _own("PMALMASS", "Probability of class malignant mass"),
}
CLASS: Final = _own("CLASS", "Class with the highest probability")
CLASS_VALUE: Final[dict[ClassName, Code]] = {
    "normal": _own("CNORMAL", "Resembles normal"),
    "benign_calcification": _own("CBENCALC", "Resembles benign calcification"),
    "benign_mass": _own("CBENMASS", "Resembles benign mass"),
    "malignant_calcification": _own("CMALCALC", "Resembles malignant calcification"),
    "malignant_mass": _own("CMALMASS", "Resembles malignant mass"),
}
MALIGNANCY_SCORE: Final = _own("MALSCORE", "Malignancy score")
ATTENTION: Final = _own("ATTENTION", "Attention (order of reading, not a diagnosis)")
ATTENTION_VALUE: Final[dict[Attention, Code]] = {
    "high": _own("ATTHIGH", "High"),
    "medium": _own("ATTMEDIUM", "Medium"),
    "low": _own("ATTLOW", "Low"),
    "none": _own("ATTNONE", "None"),
}
READ_STATE: Final = _own("READSTATE", "Images read")
READ_ALL: Final = _own("READALL", "Read")
READ_SOME: Final = _own("READSOME", "Read in part")
READ_NONE: Final = _own("READNONE", "Could not be read")
INTENDED_USE: Final = _own("USE", "Intended use")
RESEARCH_ONLY: Final = _own("RESEARCHONLY", RESEARCH_USE_ONLY)


def scheme_identification() -> Dataset:
    """An item of Coding Scheme Identification Sequence (PS3.3 C.12.1.1.9): the scheme, declared."""
    item = Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeName = SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = RESPONSIBLE
    return item
