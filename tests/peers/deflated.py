"""Deflated objects of a few kilobytes that hold far more, as an adversary would write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom.uid import DeflatedExplicitVRLittleEndian, DigitalMammographyXRayImageStorageForPresentation

from dicom_node.file_meta import part10_head

INSTANCE: Final = "1.2.3"
_MIB: Final = 1 << 20
_ITEM, _ITEM_END, _SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE000, 0), 0xE00D, 0xE0DD


def element(tag: int, vr: bytes, value: bytes = b"", *, length: int | None = None) -> bytes:
    """Return an element in explicit VR little endian; `length` contradicts the value."""
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    length = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"UN", b"SQ"):
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, length) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + value


def identity(study: str = "1.2") -> bytes:
    """Return the UIDs that every object needs."""
    return (
        element(0x00080016, b"UI", DigitalMammographyXRayImageStorageForPresentation.encode())
        + element(0x00080018, b"UI", INSTANCE.encode())
        + element(0x0020000D, b"UI", study.encode())
        + element(0x0020000E, b"UI", b"1.2.9")
    )


def write_deflated(path: Path, pieces: Iterator[bytes], *, cut: int = 0) -> Path:
    """Write an object of these pieces of its data set, without the last `cut` bytes of the file."""
    squeezing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = part10_head(
        sop_class_uid=DigitalMammographyXRayImageStorageForPresentation,
        sop_instance_uid=INSTANCE,
        transfer_syntax_uid=DeflatedExplicitVRLittleEndian,
        sender="TEST",
    )
    content = head + b"".join(squeezing.compress(piece) for piece in pieces) + squeezing.flush()
    path.write_bytes(content[: len(content) - cut])
    return path


def one_value(mib: int, *, tag: int = 0x00420011) -> Iterator[bytes]:
    """The identity and one value of so many MiB, in the order of their tags."""
    if tag > 0x00200000:
        yield identity()
    yield element(tag, b"OB", length=mib * _MIB)
    for _ in range(mib):
        yield bytes(_MIB)
    if tag < 0x00200000:
        yield identity()


def many_elements(mib: int) -> Iterator[bytes]:
    """The identity among so many MiB of elements without a value, each with a tag of its own; ended by a broken one."""
    yield identity()
    number = 0
    for _ in range(mib):
        some = range(number, number + _MIB // 8)
        yield b"".join(element(0x00210000 + count, b"LO") for count in some)
        number += len(some)
    yield element(0x00540220, b"??")


def many_items(mib: int, *, tag: int, vr: bytes = b"SQ", before: bool = False) -> Iterator[bytes]:
    """The identity, and a sequence of so many MiB of empty items before or after it."""
    if not before:
        yield identity()
    yield element(tag, vr, length=0xFFFFFFFF)
    for _ in range(mib):
        yield _ITEM * (_MIB // 8)
    yield struct.pack("<HHL", 0xFFFE, _SEQUENCE_END, 0)
    if before:
        yield identity()
