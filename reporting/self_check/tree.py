"""Finding one's way in a content tree that may be wrong."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from reporting.self_check.causes import DanglingReference, FindingsDiffer


def target_of(item: Dataset, items: Mapping[tuple[int, ...], Dataset]) -> Dataset:
    """The image that a by-reference item leads to."""
    identifier = item.get("ReferencedContentItemIdentifier")
    positions = identifier if isinstance(identifier, MultiValue | list) else [identifier]
    target = items.get(tuple(positions))
    if target is None or target.get("ValueType") != "IMAGE":
        raise DanglingReference("a by-reference item does not lead to an image")
    return target


def is_reference(item: Dataset) -> bool:
    return "ReferencedContentItemIdentifier" in item


def referenced_instance(item: Dataset) -> str:
    return str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def named(item: Dataset, code_value: str) -> list[Dataset]:
    return [
        child
        for child in item.get("ContentSequence", ())
        if "ConceptNameCodeSequence" in child and child.ConceptNameCodeSequence[0].CodeValue == code_value
    ]


def only(item: Dataset, code_value: str) -> Dataset:
    found = named(item, code_value)
    if len(found) != 1:
        raise FindingsDiffer(f"{len(found)} content items of concept {code_value} where one belongs")
    return found[0]


def coded_value(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue)
