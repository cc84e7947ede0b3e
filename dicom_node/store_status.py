"""What a C-STORE response status means for the object (PS3.4 Table B.2-1, PS3.7 Annex C)."""

from __future__ import annotations

from pydicom import Dataset

from dicom_node.destination import Delivered, Failed, Outcome, Refused

# Exact codes first, then the ranges of the Storage service.
_GENERAL: dict[int, tuple[type[Delivered] | type[Refused] | type[Failed], str]] = {
    0x0000: (Delivered, ""),
    0x0001: (Delivered, "stored, with a warning that optional attributes are not supported"),
    0x0107: (Delivered, "stored, with a warning about the attribute list"),
    0x0110: (Failed, "could not process the request"),
    0x0111: (Delivered, "it already has this object"),
    0x0116: (Delivered, "stored, with a warning that attribute values are out of range"),
    0x0117: (Refused, "calls the SOP Instance UID invalid"),
    0x0118: (Refused, "knows no such SOP class"),
    0x0122: (Refused, "does not support this SOP class"),
    0x0124: (Refused, "does not authorise us to store; have it allow our AE title"),
    0x0210: (Failed, "took the request for a duplicate"),
    0x0211: (Refused, "does not know the C-STORE operation"),
    0x0212: (Refused, "found a mistyped argument in the request"),
    0x0213: (Failed, "is short of resources"),
}


def outcome_of(status: Dataset) -> Outcome:
    """Translate a status; the sentence's subject is the peer."""
    code = int(status.Status)
    kind, meaning = _meaning(code)
    # Its Error Comment stays out: PACS quote patients in it, and this sentence goes to operators and logs.
    if kind is Delivered:
        return Delivered(meaning)
    return kind(f"The peer {meaning} (status 0x{code:04X}).")


def _meaning(code: int) -> tuple[type[Delivered] | type[Refused] | type[Failed], str]:
    if code in _GENERAL:
        return _GENERAL[code]
    if 0xA700 <= code <= 0xA7FF:
        return Failed, "is out of resources; free space on it"
    if 0xA800 <= code <= 0xA8FF:
        return Refused, "does not support this SOP class"
    if 0xA900 <= code <= 0xA9FF:
        return Refused, "finds that the data set does not match its SOP class"
    if 0xB000 <= code <= 0xBFFF:
        return Delivered, f"stored, with warning 0x{code:04X}"
    if 0xC000 <= code <= 0xCFFF:
        return Refused, "cannot understand the object"
    return Failed, "answered with a status that the standard does not define"
