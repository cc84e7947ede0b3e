"""Looking into content trees in tests."""

from __future__ import annotations

from pydicom.dataset import Dataset

from reporting.content_item import walk


def items_named(report: Dataset, code_value: str) -> list[Dataset]:
    return [
        item
        for _, item in walk(report)
        if "ConceptNameCodeSequence" in item and item.ConceptNameCodeSequence[0].CodeValue == code_value
    ]


def value_of(report: Dataset, code_value: str) -> str:
    (item,) = items_named(report, code_value)
    return str(item.ConceptCodeSequence[0].CodeValue)


def codes_in(item: Dataset) -> set[tuple[str, str]]:
    """Every (value, scheme) in a tree."""
    found = set()
    for element in item.iterall():
        if element.VR == "SQ":
            found |= {
                (one.CodeValue, one.CodingSchemeDesignator)
                for one in element.value
                if "CodingSchemeDesignator" in one and "CodeValue" in one
            }
    return found
