"""The head of a Part 10 file: preamble and file meta information (PS3.10 7.1), written for each object received.

pydicom writes the same, in a millisecond; for an image of half a megabyte that is as long as everything else.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

PREAMBLE = b"\0" * 128 + b"DICM"
_SHORT = struct.Struct("<HH2sH")
_LONGEST_UID = 64


def part10_head(*, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, sender: str) -> bytes:
    """Return everything that stands before the data set; `sender` is the AE title that the object came from.

    A UID longer than the 64 characters of PS3.5 9.1 is cut: the header's own is checked, and such an object refused.
    """
    instance = _element(0x0003, b"UI", _uid(sop_instance_uid))
    before, after = _around_instance(sop_class_uid, transfer_syntax_uid, sender)
    length = _element(0x0000, b"UL", struct.pack("<I", len(before) + len(instance) + len(after)))
    return PREAMBLE + length + before + instance + after


@lru_cache(maxsize=256)
def _around_instance(sop_class_uid: str, transfer_syntax_uid: str, sender: str) -> tuple[bytes, bytes]:
    before = struct.pack("<HH2sxxI", 0x0002, 0x0001, b"OB", 2) + b"\0\1" + _element(0x0002, b"UI", _uid(sop_class_uid))
    after = _element(0x0010, b"UI", _uid(transfer_syntax_uid))
    after += _element(0x0012, b"UI", _uid(PYNETDICOM_IMPLEMENTATION_UID))
    after += _element(0x0013, b"SH", _text(PYNETDICOM_IMPLEMENTATION_VERSION))
    if sender:
        after += _element(0x0016, b"AE", _text(sender))
    return before, after


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    return _SHORT.pack(0x0002, element, vr, len(value)) + value


def _uid(uid: str) -> bytes:
    value = uid.encode("latin-1", "replace")[:_LONGEST_UID]
    return value + b"\0" * (len(value) % 2)


def _text(text: str) -> bytes:
    value = text.encode("latin-1", "replace")
    return value + b" " * (len(value) % 2)
