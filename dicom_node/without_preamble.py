"""Files that hold a DICOM object without the head of a Part 10 file (PS3.10 7.1), as some machines export them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.dicom_file import has_dicom_prefix
from dicom_node.file_meta import PREAMBLE, part10_head

_META_GROUP: Final = b"\x02\x00"
_FIRST_GROUP: Final = b"\x08\x00"
_LAST_FIRST_ELEMENT: Final = 0x0020
"""A data set begins with one of the first elements of its group 0008: that tells it from other files."""
_BEYOND_THE_HEADER: Final = 1 << 20


class NoDicomObject(ValueError):
    """The file is no DICOM object, with or without its head."""


def missing_head(path: Path) -> bytes:
    """Return the bytes to put before the file to make it a Part 10 file: none where it is one already.

    The file's own bytes stay as they are. A data set without File Meta Information is taken for little endian, its
    transfer syntax by whether its first element says its VR (PS3.5 7.1): compressed pixels can't be told so.

    Raises:
        NoDicomObject: it is none.

    """
    if has_dicom_prefix(path):
        return b""
    with path.open("rb") as file:
        start = file.read(8)
    if start[:2] == _META_GROUP and start[4:6] == b"UL":
        return PREAMBLE
    if len(start) < 8 or start[:2] != _FIRST_GROUP or int.from_bytes(start[2:4], "little") > _LAST_FIRST_ELEMENT:
        raise NoDicomObject(path.name)
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    try:
        header = dcmread(
            path,
            force=True,
            stop_before_pixels=True,
            defer_size=_BEYOND_THE_HEADER,
            specific_tags=["SOPClassUID", "SOPInstanceUID"],
        )
        sop_class, instance = str(header.SOPClassUID), str(header.SOPInstanceUID)
    except Exception as problem:  # the file is arbitrary bytes, and pydicom fails on such in many ways
        raise NoDicomObject(path.name) from problem
    if not sop_class or not instance:
        raise NoDicomObject(path.name)
    return part10_head(
        sop_class_uid=sop_class,
        sop_instance_uid=instance,
        transfer_syntax_uid=ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian,
        sender="",
    )
