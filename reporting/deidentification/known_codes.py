"""Codes whose meaning we know ourselves, so that a document's own text for them need not be believed."""

from __future__ import annotations

from functools import cache
from typing import Final, cast

from pydicom.sr._concepts_dict import concepts as _pydicom_concepts
from pydicom.sr.coding import Code

from reporting.codes import dicom, private, snomed, views

_OWN: Final = (dicom, private, snomed, views)
_ENGLISH: Final = Code("en-US", "RFC5646", "English (United States)")
"""The language that highdicom gives to a measurement report."""


def known_code(scheme: str, value: str) -> Code | None:
    """Return the code with the meaning that PS3.16, pydicom's copy of it, or mammogate gives it; None if none does."""
    if scheme in ("SRT", "SNM3"):  # SNM3 is what SRT was called before (PS3.16 table 8-1)
        now = known_code("SCT", snomed.SRT_TO_SCT.get(value, ""))
        return None if now is None else Code(value, scheme, now.meaning)
    meaning = _meanings().get((scheme, value))
    return None if meaning is None else Code(value, scheme, meaning)


@cache
def _meanings() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    # pydicom's public collections refuse keywords that stand for two codes, so its table is read as it is.
    table = cast("dict[str, dict[str, dict[str, tuple[str, list[int]]]]]", _pydicom_concepts)
    for scheme, concepts in table.items():
        for codes in concepts.values():
            found.update({(scheme, value): meaning for value, (meaning, _) in codes.items()})
    for module in _OWN:
        for constant in vars(module).values():
            for code in constant.values() if isinstance(constant, dict) else (constant,):
                if isinstance(code, Code):
                    found[code.scheme_designator, code.value] = code.meaning
    found[_ENGLISH.scheme_designator, _ENGLISH.value] = _ENGLISH.meaning
    return found
