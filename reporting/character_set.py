"""Which character set an object of ours declares: chosen over every text in it, once all of them are there.

A character set that is chosen for the patient's name alone leaves the words of the request, which come from another
department's keyboard, as bytes that no reader can name (PS3.3 C.12.1.1.2, PS3.5 6.1).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from reporting import broken_headers
from reporting.study import StudyToReport

_UTF_8: Final = "ISO_IR 192"
_UNESCAPED_MULTI_BYTE: Final = ("GB18030", "GBK")


def stamp_character_set(report: Dataset, study: StudyToReport) -> None:
    """Declare what every text in the object is written in; to be called last, when all of them are there.

    The images' character set is kept as long as it holds every text and needs no escape sequences; otherwise it is
    UTF-8. Nothing is declared for ASCII, and for letters of images that declare nothing: their bytes stay as they are.
    """
    if "SpecificCharacterSet" in report:
        del report.SpecificCharacterSet
    if is_plain(report):
        return
    declared = declared_terms(study)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what does not fit the one character set is tried in the other
        terms = declared if _survives(_only_texts(report), declared) else [_UTF_8]
    if terms:
        report.SpecificCharacterSet = terms


def declared_terms(study: StudyToReport) -> list[str]:
    """Specific Character Set (0008,0005) of the first image that declares one that is known; else none."""
    return next((terms for image in study.images if (terms := _terms(image.header))), [])


def texts_of(values: Dataset) -> Iterator[tuple[str, str]]:
    """Keyword and text of every element whose letters depend on the character set (PS3.5 6.1.2.2), in tag order.

    Without the padding at the end of each value, which is lost in the file.
    """
    for element in values.iterall():
        if element.VR in CUSTOMIZABLE_CHARSET_VR:
            yield element.keyword or str(element.tag), _unpadded(element.value)


def is_plain(values: Dataset) -> bool:
    """Whether the default repertoire (ASCII) holds every text."""
    return all(text.isascii() for _, text in texts_of(values))


def _unpadded(value: Any) -> str:
    parts = value if isinstance(value, MultiValue | list) else [value]
    return "\\".join("" if part is None else str(part).rstrip("\0 ") for part in parts)


def _only_texts(values: Dataset) -> Dataset:
    """The tree of sequences with nothing but texts in it: choosing needs no pixels."""
    tree = Dataset()
    for element in values:
        if element.VR == "SQ":
            tree.add_new(element.tag, "SQ", [_only_texts(item) for item in element.value or ()])
        elif element.VR in CUSTOMIZABLE_CHARSET_VR:
            tree.add_new(element.tag, element.VR, element.value)
    return tree


def _terms(header: Dataset) -> list[str]:
    raw = broken_headers.text(header, "SpecificCharacterSet")
    terms = [re.sub(r"^ISO[-_ ]IR", "ISO_IR", term.strip()) for term in raw.split("\\")]
    return terms if any(terms) and all(term in python_encoding for term in terms) else []


def _survives(texts: Dataset, terms: list[str]) -> bool:
    """Whether texts written in a character set read back as the same, in our reader and in simpler ones."""
    if len(terms) > 1:
        return False  # escape sequences (ISO 2022): SR readers built on DCMTK understand none of them
    if any(term in _UNESCAPED_MULTI_BYTE for term in terms) and _has_backslash_byte(texts, terms[0]):
        return False
    if terms:
        texts.SpecificCharacterSet = terms
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    try:
        write_dataset(buffer, texts)
        again = read_dataset(BytesIO(buffer.getvalue()), is_implicit_VR=False, is_little_endian=True)
        return list(texts_of(again)) == list(texts_of(texts))
    except (UnicodeError, LookupError):
        return False


def _has_backslash_byte(texts: Dataset, term: str) -> bool:
    """Whether a letter's second byte is 5CH, which some readers take for the backslash between values."""
    encoding = python_encoding[term] or "ascii"
    return any(b"\\" in text.replace("\\", "").encode(encoding, "ignore") for _, text in texts_of(texts))
