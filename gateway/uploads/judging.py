"""Is a file that somebody uploaded an object that we take? If not, why, in plain words."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom.uid import MediaStorageDirectoryStorage

from dicom_node.sop_classes import is_accepted, name_of
from dicom_node.without_preamble import NoDicomObject, missing_head
from gateway.intake.header import HeaderUnreadable, ReceivedHeader, read_header

_NO_DICOM: Final = "It is not a DICOM file. Choose the files that the X-ray machine has written."
_KNOWN_STARTS: Final = (
    (b"\xff\xd8\xff", "It is a JPEG picture, not a DICOM file. Choose the files that the X-ray machine has written."),
    (b"\x89PNG", "It is a PNG picture, not a DICOM file. Choose the files that the X-ray machine has written."),
    (b"%PDF", "It is a PDF document, not a DICOM file. Choose the files that the X-ray machine has written."),
    (b"7z\xbc\xaf", "It is packed by 7-Zip. Unpack it, or pack it as a zip file."),
    (b"Rar!", "It is packed as RAR. Unpack it, or pack it as a zip file."),
    (b"\x1f\x8b", "It is packed by gzip. Unpack it, or pack it as a zip file."),
    (b"PK\x03\x04", "A zip file within a zip file. Unpack it first."),
)


class FileRefused(Exception):
    """The file is not taken; the text says why."""


class DiscIndex(Exception):
    """The file is the index of a disc (DICOMDIR): no image, and nothing that somebody has to know of."""


@dataclass(frozen=True)
class Judged:
    """An object that is taken; `remark` says why it will not be read, where that is so."""

    header: ReceivedHeader
    remark: str | None


def judge(path: Path) -> Judged:
    """Say what the file at `path` is; it is made a Part 10 file, where it was none.

    Raises:
        DiscIndex: it is a DICOMDIR.
        FileRefused: it is no DICOM object, or none that belongs here.
        OSError: it can't be read or written.

    """
    if path.stat().st_size == 0:
        raise FileRefused("It is empty.")
    try:
        head = missing_head(path)
    except NoDicomObject:
        raise FileRefused(_what_else(path)) from None
    if head:
        _put_before(path, head)
    try:
        header = read_header(path)
    except HeaderUnreadable as problem:
        if _names_media_directory(path):
            raise DiscIndex from None
        raise FileRefused(f"The DICOM file is damaged: {problem}.") from None
    if header.sop_class_uid == MediaStorageDirectoryStorage:
        raise DiscIndex
    if not is_accepted(header.sop_class_uid):
        raise FileRefused(f"Not a mammogram: it is {name_of(header.sop_class_uid)}.")
    if header.image.role == "foreign":
        raise FileRefused(header.image.reason or "Not a mammogram.")
    return Judged(header, header.image.reason)


def _what_else(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(8)
    return next((sentence for known, sentence in _KNOWN_STARTS if start.startswith(known)), _NO_DICOM)


def _put_before(path: Path, head: bytes) -> None:
    completed = path.with_name(f"{path.stem}.headed.part")
    try:
        with completed.open("xb") as target, path.open("rb") as source:
            target.write(head)
            shutil.copyfileobj(source, target, 1 << 20)
        completed.replace(path)
    except OSError:
        completed.unlink(missing_ok=True)
        raise


def _names_media_directory(path: Path) -> bool:
    """Say whether the File Meta Information is that of a DICOMDIR, which has no UIDs of an instance in its data set."""
    with path.open("rb") as file:
        return MediaStorageDirectoryStorage.encode() in os.read(file.fileno(), 512)
