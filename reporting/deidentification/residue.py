"""A last look: whether what was taken over unread, numbers, times and pixels, still holds who the patient is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pydicom.dataset import Dataset

from reporting.deidentification.left_out import IdentifierStayed

_IDENTIFIERS: Final = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientBirthDate",
    "PatientMotherBirthName",
    "AccessionNumber",
)
_SHORTEST: Final = 5
"""Characters; a shorter one stands anywhere by chance."""
_SHORTEST_IN_PIXELS: Final = 6
"""Bytes: one chance in ten million for each image and identifier."""


def refuse_identifiers(cleaned: Dataset, source: Dataset) -> None:
    """Raise IdentifierStayed if a number, a time or binary data of `cleaned` holds an identifier of `source`."""
    wanted = set(_identifiers(source))
    as_bytes = [one.encode() for one in wanted if len(one.encode()) >= _SHORTEST_IN_PIXELS]
    for element in cleaned.iterall():
        value = element.value
        if isinstance(value, bytes):
            if any(one in value for one in as_bytes):
                raise IdentifierStayed("the pixels or a table hold the patient's name, birth date or a number of hers")
        elif element.VR in ("DS", "IS", "TM"):
            text = str(value)
            if any(one in text for one in wanted):
                raise IdentifierStayed(
                    f"{element.keyword} holds a number that is also an identifier of the patient; look whether the "
                    "machine writes one there"
                )


def _identifiers(source: Dataset) -> Iterator[str]:
    for tag in source.keys():  # noqa: SIM118 - iterating the data set itself would convert every value
        try:
            element = source[tag]
            if element.VR == "SQ":
                for item in element.value:
                    yield from _identifiers(item)
            elif element.keyword in _IDENTIFIERS:
                parts = re.split(r"[\\^=\s]+", str(element.value))
                yield from (part for part in parts if len(part) >= _SHORTEST)
        except Exception:  # noqa: BLE001, S112 - as in `cleaning`: a broken value may raise anything at all
            continue
