"""Content items of an SR tree as plain data sets (PS3.3 C.17.3), with by-reference items resolved last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import DSfloat

Relationship = Literal[
    "CONTAINS",
    "HAS ACQ CONTEXT",
    "HAS CONCEPT MOD",
    "HAS OBS CONTEXT",
    "HAS PROPERTIES",
    "INFERRED FROM",
    "SELECTED FROM",
]
_CODE_VALUE: Final = 16


def code_sequence(code: Code) -> list[Dataset]:
    """A code sequence of one item (PS3.3 table 8.8-1)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    if len(code.value) > _CODE_VALUE:
        raise ValueError(f"code value {code.value} is longer than a Code Value (0008,0100) may be")
    return [item]


def _item(
    relationship: Relationship | None, value_type: str, concept: Code | None, children: Iterable[Dataset] = ()
) -> Dataset:
    item = Dataset()
    if relationship is not None:
        item.RelationshipType = relationship
    item.ValueType = value_type
    if concept is not None:
        item.ConceptNameCodeSequence = code_sequence(concept)
    if below := list(children):
        item.ContentSequence = below
    return item


def container(relationship: Relationship | None, concept: Code, children: Iterable[Dataset]) -> Dataset:
    item = _item(relationship, "CONTAINER", concept, children)
    item.ContinuityOfContent = "SEPARATE"
    return item


def code(relationship: Relationship, concept: Code, value: Code, children: Iterable[Dataset] = ()) -> Dataset:
    item = _item(relationship, "CODE", concept, children)
    item.ConceptCodeSequence = code_sequence(value)
    return item


def text(relationship: Relationship, concept: Code, value: str) -> Dataset:
    item = _item(relationship, "TEXT", concept)
    item.TextValue = value
    return item


def uid_reference(relationship: Relationship, concept: Code, value: str) -> Dataset:
    item = _item(relationship, "UIDREF", concept)
    item.UID = value
    return item


def date(relationship: Relationship, concept: Code, value: str) -> Dataset:
    item = _item(relationship, "DATE", concept)
    item.Date = value
    return item


def time(relationship: Relationship, concept: Code, value: str) -> Dataset:
    item = _item(relationship, "TIME", concept)
    item.Time = value
    return item


def number(relationship: Relationship, concept: Code, value: float, unit: Code) -> Dataset:
    item = _item(relationship, "NUM", concept)
    measured = Dataset()
    measured.NumericValue = DSfloat(value, auto_format=True)
    measured.MeasurementUnitsCodeSequence = code_sequence(unit)
    item.MeasuredValueSequence = [measured]
    return item


def image(
    relationship: Relationship, sop_class_uid: str, sop_instance_uid: str, children: Iterable[Dataset]
) -> Dataset:
    item = _item(relationship, "IMAGE", None, children)
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class_uid
    reference.ReferencedSOPInstanceUID = sop_instance_uid
    item.ReferencedSOPSequence = [reference]
    return item


def composite(relationship: Relationship, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """A reference to an object that is no image."""
    item = image(relationship, sop_class_uid, sop_instance_uid, ())
    item.ValueType = "COMPOSITE"
    return item


def coordinates(
    relationship: Relationship,
    concept: Code,
    graphic_type: Literal["POINT", "POLYLINE"],
    points: Sequence[tuple[float, float]],
    children: Iterable[Dataset],
) -> Dataset:
    """A SCOORD item: column\\row pairs, (0, 0) at the top left corner of the top left pixel (PS3.3 C.18.6)."""
    item = _item(relationship, "SCOORD", concept, children)
    item.GraphicData = [float(value) for point in points for value in point]
    item.GraphicType = graphic_type
    return item


class References:
    """By-reference items of one tree.

    Their identifiers are paths of positions from the root, so any item that is put in or left out shifts them: they
    are filled in once, when the tree is whole.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Dataset, Dataset]] = []

    def to(self, relationship: Relationship, target: Dataset) -> Dataset:
        item = Dataset()
        item.RelationshipType = relationship
        self._waiting.append((item, target))
        return item

    def resolve(self, root: Dataset) -> None:
        paths = {id(item): path for path, item in walk(root)}
        for item, target in self._waiting:
            item.ReferencedContentItemIdentifier = list(paths[id(target)])


def walk(item: Dataset, path: tuple[int, ...] = (1,)) -> Iterator[tuple[tuple[int, ...], Dataset]]:
    """Every content item of a tree with its identifier (PS3.3 C.17.3.2.5): positions from 1, the root being 1."""
    yield path, item
    for position, child in enumerate(item.get("ContentSequence", ()), start=1):
        yield from walk(child, (*path, position))
