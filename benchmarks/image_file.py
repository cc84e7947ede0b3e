"""A DICOM file as a sender needs it: mapped into memory, its data set ready to go out under other UIDs."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

# PS3.10 7.1: 128 bytes preamble, "DICM", then the group length (12 bytes) that says where the data set begins.
_PREFIX = slice(128, 132)
_META_START = 144
_LONG_LENGTHS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"})
# The two UIDs stand before any pixels, and before any private element that could be large.
_HEADER_BYTES = 1 << 16
_SOP_INSTANCE_UID = b"\x08\x00\x18\x00UI"
_STUDY_INSTANCE_UID = b"\x20\x00\x0d\x00UI"


class NotSendable(ValueError):
    """The file is no Part 10 file in an explicit little endian transfer syntax with both UIDs."""


def padded(uid: str) -> bytes:
    """The value of a UI element: even length, padded with a zero byte (PS3.5 9.1)."""
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) % 2)


@dataclass(frozen=True)
class ImageFile:
    """`parts` gives the data set's bytes; the pixels stay in the page cache and are never copied here."""

    sop_class_uid: str
    transfer_syntax_uid: str
    _data_set: memoryview
    _instance_element: slice
    _study_element: slice

    @classmethod
    def open(cls, path: Path) -> ImageFile:
        """Map a file; it is read through once, so that the first sending is not slower than the others."""
        with path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            while file.read(1 << 20):
                pass
        if bytes(mapped[_PREFIX]) != b"DICM":
            raise NotSendable(f"{path.name} is not a DICOM file")
        meta_end = _META_START + int(struct.unpack_from("<I", mapped, _META_START - 4)[0])
        meta = _meta_values(mapped[_META_START:meta_end])
        data_set = mapped[meta_end:]
        header = bytes(data_set[:_HEADER_BYTES])
        return cls(
            sop_class_uid=meta[0x0002],
            transfer_syntax_uid=meta[0x0010],
            _data_set=data_set,
            _instance_element=_element(header, _SOP_INSTANCE_UID, path),
            _study_element=_element(header, _STUDY_INSTANCE_UID, path),
        )

    @property
    def size(self) -> int:
        """Bytes of the data set as it lies in the file."""
        return len(self._data_set)

    def parts(self, sop_instance_uid: str, study_instance_uid: str) -> list[memoryview]:
        """Return the data set under these UIDs as pieces to be sent one after the other."""
        instance, study = self._instance_element, self._study_element
        header = b"".join(
            (
                self._data_set[: instance.start],
                _uid_element(_SOP_INSTANCE_UID, sop_instance_uid),
                self._data_set[instance.stop : study.start],
                _uid_element(_STUDY_INSTANCE_UID, study_instance_uid),
            )
        )
        return [memoryview(header), self._data_set[study.stop :]]


def _meta_values(meta: memoryview) -> dict[int, str]:
    """The UIDs of the file meta information, by element number; it is always explicit little endian."""
    values: dict[int, str] = {}
    at = 0
    while at < len(meta):
        _, element, vr = struct.unpack_from("<HH2s", meta, at)
        length_format, length_at, header = ("<I", at + 8, 12) if vr in _LONG_LENGTHS else ("<H", at + 6, 8)
        length = int(struct.unpack_from(length_format, meta, length_at)[0])
        if vr == b"UI":
            values[element] = bytes(meta[at + header : at + header + length]).rstrip(b"\0").decode("ascii")
        at += header + length
    return values


def _element(header: bytes, tag_and_vr: bytes, path: Path) -> slice:
    """Where a UID's whole element stands in the data set."""
    start = header.find(tag_and_vr)
    if start < 0:
        raise NotSendable(f"{path.name} has no UID to rewrite, or is not explicit little endian")
    length = int(struct.unpack_from("<H", header, start + 6)[0])
    return slice(start, start + 8 + length)


def _uid_element(tag_and_vr: bytes, uid: str) -> bytes:
    value = padded(uid)
    return tag_and_vr + struct.pack("<H", len(value)) + value
