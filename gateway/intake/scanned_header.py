"""Finding a few attributes of a header in place, ten times as fast as building a data set of all of it.

Only what is well-formed and common is read here: explicit or implicit VR little endian, plain ASCII text. Anything else
is pydicom's: a value by itself where only its text is unusual, the whole file where its structure is. So what comes
out is what pydicom would say, whatever the file.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from dicom_node.deflated_data_set import Inflated

_KEYWORDS: Final = (
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "AccessionNumber", "Modality"),
    *("PresentationIntentType", "CodeValue", "StudyDescription", "SeriesDescription", "DerivationDescription"),
    *("PatientName", "PatientID", "PatientBirthDate", "BodyPartExamined", "ProtocolName"),
    *("EstimatedRadiographicMagnificationFactor", "ViewPosition", "StudyInstanceUID", "SeriesInstanceUID"),
    *("PatientOrientation", "Laterality", "ImageLaterality", "NumberOfFrames", "QualityControlImage"),
    *("SpecimenDescriptionSequence", "ViewCodeSequence", "ViewModifierCodeSequence"),
)
WANTED: Final = {tag: word for word in _KEYWORDS if (tag := tag_for_keyword(word)) is not None}
_VRS: Final = {tag: dictionary_VR(tag).encode() for tag in WANTED}

_LONG: Final = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_SHORT: Final = frozenset(
    (
        *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL"),
        *(b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
    )
)
_EXPLICIT: Final = re.compile(r"1\.2\.840\.10008\.1\.2\.(1|5|4\.(?!95$|205$)[0-9]+)", re.ASCII)
_IMPLICIT: Final = "1.2.840.10008.1.2"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_PIXELS: Final = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))  # where pydicom's stop_before_pixels stops
# A deflated data set is read no further than this; of any other the pixels are the end, as with pydicom.
LAST_WANTED: Final = max(WANTED) | 0xFFFF
_TRANSFER_SYNTAX: Final = 0x00020010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF

# No backslash, which parts values, and nothing that a character set could change.
_ONE_VALUE: Final = re.compile(rb"[ -\[\]-~]*")
_VALUES: Final = re.compile(rb"[ -~]*")
_PLAIN: Final = {
    **dict.fromkeys((b"CS",), _VALUES),
    **dict.fromkeys((b"DA", b"LO", b"SH", b"ST", b"UI"), _ONE_VALUE),
    b"PN": re.compile(rb"[A-Za-z0-9 .,'-]+(\^[A-Za-z0-9 .,'-]+)*"),
    b"IS": re.compile(rb" *[0-9]{1,9}"),
    b"DS": re.compile(rb" *[0-9]{1,6}(\.[0-9]{1,8})?"),
}
# Python's own names of encodings, which pydicom takes too, may mean something else by ASCII's bytes.
_KNOWN_SET: Final = re.compile(rb"(ISO[_ ]IR[_ ][0-9]+|ISO 2022 IR [0-9]+|GB18030|GBK|\\| )*")

_WINDOW: Final = 32 * 1024  # bytes; holds most headers whole
_LARGEST: Final = 64 * 1024  # bytes of a value that is looked at here
_MOST_ITEMS: Final = 1000  # of deflated sequences that are wanted: each takes much more memory than in its file
_IMPLICIT_HEAD: Final = struct.Struct("<HHL").unpack_from  # group, element, length
_EXPLICIT_HEAD: Final = struct.Struct("<HH2sH").unpack_from  # group, element, VR, length
_LENGTH: Final = struct.Struct("<L").unpack_from


class _Unusual(Exception):
    """Pydicom shall read this."""


class ScannedHeader:
    """Attributes by keyword, with the values that pydicom gives; other attributes than the listed are not there."""

    def __init__(self, values: Mapping[str, Any], transfer_syntax_uid: str, strange: bytes) -> None:
        self._values = values
        self.transfer_syntax_uid = transfer_syntax_uid
        self._strange = strange
        self._read: Dataset | None = None

    def get(self, keyword: str) -> Any:
        """Return the value, or None; raises what pydicom raises where it can't convert one."""
        value = self._values.get(keyword)
        if value is not _STRANGE:
            return value
        if self._read is None:
            implicit = self.transfer_syntax_uid == _IMPLICIT
            self._read = read_dataset(BytesIO(self._strange), implicit, is_little_endian=True)
        return self._read.get(keyword)


def scan_header(path: Path) -> ScannedHeader | None:
    """Return the header of the Part 10 file at `path`, or None where pydicom has to read it. Pixels stay on the disk.

    Raises:
        OSError: the file can't be read.
        HeaderTooLong: it is deflated, and holds more before its pixels than is inflated here.
        EOFError: it is deflated and cut short.
        zlib.error: it says that it is deflated, and is not.

    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _Scan(partial(os.pread, descriptor), os.fstat(descriptor).st_size).header()
    except (_Unusual, struct.error, RecursionError):
        return None
    finally:
        os.close(descriptor)


_STRANGE: Final = object()
_Found = dict[str, tuple[Any, bytes]]
_Read = Callable[[int, int], bytes]  # of a length and a position


class _Scan:
    """One pass over a file, or over what was deflated in one, through a window; positions are bytes of it.

    It ends before the pixels, and before the group `beyond`; more than `most_items` items are pydicom's.
    """

    def __init__(self, read: _Read, size: int, *, beyond: int = 0x7FE0, most_items: int = sys.maxsize) -> None:
        self._read = read
        self._size = size
        self._beyond = beyond
        self._items_left = most_items
        self._start = 0
        self._window = read(_WINDOW, 0)

    def header(self) -> ScannedHeader:
        if self._window[128:132] != b"DICM":
            raise _Unusual
        position, syntax = self._meta()
        if syntax == _DEFLATED:
            inflated = Inflated(self._read, position)
            # How long it will be is known at its end only.
            scan = _Scan(inflated.read_at, sys.maxsize, beyond=(LAST_WANTED >> 16) + 1, most_items=_MOST_ITEMS)
            return scan.header_of_inflated(inflated)
        implicit = syntax == _IMPLICIT
        if not implicit and _EXPLICIT.fullmatch(syntax) is None:
            raise _Unusual
        if implicit and self._bytes(position, 6)[4:].isalpha():
            raise _Unusual  # explicit after all, perhaps
        found: _Found = {}
        self._elements(position, self._size, implicit, found, nested=False)
        return self._made_of(found, syntax)

    def header_of_inflated(self, inflated: Inflated) -> ScannedHeader:
        found: _Found = {}
        try:
            self._elements(0, self._size, False, found, nested=False)
        except struct.error:
            if inflated.end != self._start:
                raise
        return self._made_of(found, _DEFLATED)

    @staticmethod
    def _made_of(found: _Found, syntax: str) -> ScannedHeader:
        # With the character set, which says what their bytes mean.
        strange = [raw for word, (value, raw) in found.items() if value is _STRANGE or word == "SpecificCharacterSet"]
        values = {word: value for word, (value, _) in found.items()}
        return ScannedHeader(values, syntax, b"".join(strange))

    def _meta(self) -> tuple[int, str]:
        """Return where the file meta information ends, and the transfer syntax that it names."""
        position, syntax = 132, ""
        while True:
            group, element, vr, length = _EXPLICIT_HEAD(self._bytes(position, 8))
            if group != 2:
                return position, syntax
            start = position + 8
            if vr in _LONG:
                (length,), start = _LENGTH(self._bytes(start, 4)), start + 4
            elif vr not in _SHORT:
                raise _Unusual
            if group << 16 | element == _TRANSFER_SYNTAX:
                raw = self._bytes(start, length).rstrip(b"\0 ")
                if vr != b"UI" or not _ONE_VALUE.fullmatch(raw):
                    raise _Unusual
                syntax = raw.decode("ascii")
            position = start + length

    def _elements(
        self, position: int, end: int, implicit: bool, found: _Found | None, *, nested: bool, delimited: bool = False
    ) -> int:
        """Put the wanted elements from `position` on into `found`; return where what follows them begins."""
        window, first, last = self._around(position)
        beyond = self._beyond
        while position < end:
            if not first <= position <= last:
                window, first, last = self._around(position)
            # The loop passes a hundred elements an object: it asks as little as it can of those that nobody wants.
            if implicit:
                group, element, length = _IMPLICIT_HEAD(window, position - first)
                tag, start = group << 16 | element, position + 8
                vr = _VRS.get(tag, b"SQ" if length == _UNDEFINED else b"")
            else:
                group, element, vr, length = _EXPLICIT_HEAD(window, position - first)
                tag, start = group << 16 | element, position + 8
                if vr in _LONG:
                    (length,), start = _LENGTH(window, start - first), start + 4
                elif vr not in _SHORT and group < 0x7FE0:
                    raise _Unusual
            if group >= beyond:
                if not nested and (tag in _PIXELS or beyond < 0x7FE0):
                    return position
                if tag == _ITEM_END and delimited:
                    return position + 8
                if group == 0xFFFE or not (implicit or vr in _SHORT or vr in _LONG):
                    raise _Unusual
            word = WANTED.get(tag) if found is not None else None
            items: list[ScannedHeader] = []
            if length == _UNDEFINED:
                if vr != b"SQ":
                    raise _Unusual
                items, after = self._items(start, None, implicit, wanted=word is not None)
            else:
                after = start + length
                if after > end:
                    raise _Unusual
                if word is not None and vr == b"SQ":
                    items, _ = self._items(start, after, implicit, wanted=True)
            if word is not None and found is not None:
                if vr != _VRS[tag]:  # what pydicom makes of another VR (a name of a UID) is not ours to guess
                    raise _Unusual
                value = items if vr == b"SQ" else self._value(vr, start, length)
                if value is _STRANGE and nested:
                    raise _Unusual  # its character set may be the outer one
                if word == "SpecificCharacterSet" and not _KNOWN_SET.fullmatch(self._bytes(start, length)):
                    raise _Unusual
                keep = not nested and (value is _STRANGE or word == "SpecificCharacterSet")
                found[word] = (value, self._bytes(position, after - position) if keep else b"")
            position = after
        if delimited or position > end:
            raise _Unusual
        return position

    def _items(
        self, position: int, end: int | None, implicit: bool, *, wanted: bool
    ) -> tuple[list[ScannedHeader], int]:
        """Return a sequence's items, where they are wanted, and what follows it; no `end`: a delimiter ends it."""
        items: list[ScannedHeader] = []
        while end is None or position < end:
            head = self._bytes(position, 8)
            group, element, length = _IMPLICIT_HEAD(head)  # items have no VR
            tag = group << 16 | element
            position += 8
            if tag == _SEQUENCE_END and end is None:
                return items, position
            if tag != _ITEM:
                raise _Unusual
            found: _Found | None = {} if wanted else None
            delimited = length == _UNDEFINED
            item_end = self._size if delimited else position + length
            position = self._elements(position, item_end, implicit, found, nested=True, delimited=delimited)
            if not wanted:
                continue
            self._items_left -= 1
            if self._items_left < 0:
                raise _Unusual
            items.append(ScannedHeader({word: value for word, (value, _) in (found or {}).items()}, "", b""))
        if position > end:
            raise _Unusual
        return items, position

    def _value(self, vr: bytes, start: int, length: int) -> Any:
        if length == 0:
            return None
        pattern = _PLAIN.get(vr)
        raw = self._bytes(start, length).rstrip(b"\0 ")
        if pattern is None or not pattern.fullmatch(raw):
            return _STRANGE
        text = raw.decode("ascii")
        return [part.rstrip() for part in text.split("\\")] if "\\" in text else text

    def _bytes(self, position: int, length: int) -> bytes:
        if length > _LARGEST:
            raise _Unusual
        at = position - self._start
        if at >= 0 and at + length <= len(self._window):
            return self._window[at : at + length]
        read = self._read(length, position)
        if len(read) < length:
            raise _Unusual
        return read

    def _around(self, position: int) -> tuple[bytes, int, int]:
        """Return a window that holds `position`, where it begins, and the last place in it where a head fits whole."""
        if not self._start <= position <= self._start + len(self._window) - 12:
            self._start = position
            self._window = self._read(_WINDOW, position)
        # At the end of the file a head may be shorter; reading beyond it is an error of its own.
        return self._window, self._start, max(self._start, self._start + len(self._window) - 12)
