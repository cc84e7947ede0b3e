"""A data set with nothing in it but what the lists allow (PS3.15 E.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

from reporting import broken_headers
from reporting.codes import private
from reporting.content_item import code_sequence
from reporting.deidentification import attributes
from reporting.deidentification.dates import earlier_date, earlier_date_time, time_of_day
from reporting.deidentification.defined_terms import TERMS
from reporting.deidentification.known_codes import known_code
from reporting.deidentification.known_texts import known_text
from reporting.deidentification.left_out import CodeNotKnown
from reporting.deidentification.pseudonyms import Patient, Pseudonyms

_NUMERIC: Final = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "DS", "IS", "OW"})
_CODES_OF_DOCUMENTS: Final = frozenset(
    {"ConceptNameCodeSequence", "ConceptCodeSequence", "MeasurementUnitsCodeSequence"}
)
_SCHEMES: Final = "CodingSchemeIdentificationSequence"


class Cleaner:
    """Cleans the data sets of one patient."""

    def __init__(self, pseudonyms: Pseudonyms, patient: Patient, *, is_document: bool) -> None:
        """Take who the patient is outside; of a document every code has to be known."""
        self._is_document = is_document
        self._pseudonyms = pseudonyms
        self._days = patient.days_earlier

    def clean(self, source: Dataset) -> Dataset:
        """Return a new data set; of pixels it has none.

        Raises:
            CodeNotKnown: a document can't do without a code that no list of ours has.

        """
        cleaned = Dataset()
        for element in _standard_elements(source):
            keyword = element.keyword
            value = self._value(keyword, element)
            if value is not None:
                vr = element.VR if keyword in attributes.NUMBERS else dictionary_VR(element.tag)
                cleaned.add_new(element.tag, vr, value)
        return cleaned

    def _value(self, keyword: str, element: DataElement) -> Any:
        """What stays of an element's value; None: the element goes."""
        if keyword in attributes.NUMBERS:
            return _numbers(element)
        if keyword in TERMS:
            return _terms(keyword, element)
        if keyword in attributes.EMPTIED:
            return [] if dictionary_VR(element.tag) == "SQ" else ""
        if keyword in attributes.REPLACED:
            return attributes.REPLACED[keyword]
        if keyword == _SCHEMES:
            return self._schemes(element)
        if element.VR == "SQ":
            return self._items(keyword, element)
        return self._text(keyword, element)

    def _text(self, keyword: str, element: DataElement) -> str | None:
        if dictionary_VR(element.tag) != element.VR or isinstance(element.value, MultiValue):
            return None
        text = "" if element.value is None else str(element.value)
        if keyword in attributes.DATES:
            return earlier_date(text, self._days)
        if keyword in attributes.TIMES:
            return time_of_day(text)
        if keyword in attributes.DATE_TIMES:
            return earlier_date_time(text, self._days) or None
        if keyword in attributes.CLASSES:
            return text if UID(text).type == "SOP Class" else None
        if keyword in attributes.UIDS and text:
            return text if UID(text).type else self._pseudonyms.uid(text)
        if keyword in attributes.LABELS and text:
            return self._pseudonyms.label(text)
        if keyword in attributes.TEXTS:
            return known_text(text)
        return None

    def _items(self, keyword: str, element: DataElement) -> list[Dataset] | None:
        items = [item for item in element.value or () if isinstance(item, Dataset)]
        if keyword in attributes.CODES:
            return list(self._codes(keyword, items))
        if keyword not in attributes.SEQUENCES:
            return None
        cleaned = [self.clean(item) for item in items]
        if keyword == "GraphicAnnotationSequence":
            # Texts are gone, and an annotation needs a text or a graphic (PS3.3 C.10.5).
            cleaned = [item for item in cleaned if "GraphicObjectSequence" in item]
            return cleaned or None
        return cleaned

    def _codes(self, keyword: str, items: Iterable[Dataset]) -> Iterator[Dataset]:
        for item in items:
            code = known_code(
                broken_headers.text(item, "CodingSchemeDesignator"), broken_headers.text(item, "CodeValue")
            )
            if code is not None:
                # A view's code has its modifiers in an item of its own; nothing else of the item stays.
                cleaned = self.clean(item)
                cleaned.update(code_sequence(code)[0])
                yield cleaned
            elif self._is_document and keyword in _CODES_OF_DOCUMENTS:
                raise CodeNotKnown(
                    "it is a document with a code that is in no list of mammogate's, so what it says can't be checked"
                )

    def _schemes(self, element: DataElement) -> list[Dataset] | None:
        designators = {broken_headers.text(item, "CodingSchemeDesignator") for item in element.value or ()}
        return [private.scheme_identification()] if private.SCHEME in designators else None


def _standard_elements(source: Dataset) -> Iterator[DataElement]:
    """The elements that pydicom can convert and PS3.6 knows; private ones never come this far."""
    for tag in sorted(source.keys()):
        if tag.is_private or not keyword_for_tag(tag):
            continue
        try:
            element = source[tag]
            _ = element.value
        except Exception:  # noqa: BLE001, S112 - pydicom converts when asked, and a broken value may raise anything at all
            continue
        # The keyword has to be that of this very tag: repeating groups share theirs.
        if tag_for_keyword(element.keyword) == tag:
            yield element


def _numbers(element: DataElement) -> Any:
    """The value, if it is numbers or a table of them; where text stood in their place pydicom hands out the text."""
    value = element.value
    if element.VR not in _NUMERIC or element.VR not in dictionary_VR(element.tag).split(" or "):
        return None
    if element.VR == "OW":
        return value if isinstance(value, bytes) else None
    values = value if isinstance(value, MultiValue | list) else [value]
    return value if all(one is None or isinstance(one, int | float) for one in values) else None


def _terms(keyword: str, element: DataElement) -> list[str]:
    """The values that are defined terms: of Image Type each by itself, of others all or none."""
    value = element.value
    values = [str(one) for one in value] if isinstance(value, MultiValue) else [str(value or "")]
    allowed = [one for one in values if one in TERMS[keyword]]
    return allowed if keyword == "ImageType" or len(allowed) == len(values) else []
