"""The five classes, in the one order that every array, table and report uses."""

from typing import Literal

ClassName = Literal[
    "normal",
    "benign_calcification",
    "benign_mass",
    "malignant_calcification",
    "malignant_mass",
]
FindingType = Literal["calcification", "mass"]

CLASSES: tuple[ClassName, ...] = (
    "normal",
    "benign_calcification",
    "benign_mass",
    "malignant_calcification",
    "malignant_mass",
)
MALIGNANT: tuple[ClassName, ...] = ("malignant_calcification", "malignant_mass")
