"""The beginning of a deflated data set (PS3.5 A.5), inflated within bounds: some kilobytes may hold gigabytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pynetdicom.dsutils import split_dataset

LONGEST_HEADER: Final = 16 << 20
"""Inflated bytes within which what is asked for has to come: what some kilobytes may cost in time."""
_MOST_PARSED: Final = 256 << 10  # of these, beside values that are passed over: pydicom makes 100 bytes of each
_PIECE: Final = 64 << 10
_KEPT_BEHIND: Final = 256 << 10


class HeaderTooLong(Exception):
    """What is sought in a deflated data set does not come within the bounds."""

    def __init__(self, longest: int) -> None:
        super().__init__(f"deflated, and has more than {longest >> 10} KiB before what identifies it or says its view")


class Inflated:
    """A deflated data set that is inflated forwards as far as it is asked for; positions are inflated bytes.

    `read(length, position)` reads the file, where the data set begins at `start`. Never more than `LONGEST_HEADER` is
    inflated, and only the last part of that is kept.
    """

    def __init__(self, read: Callable[[int, int], bytes], start: int) -> None:
        self._read = read
        self._next = start
        self._inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        self._kept = bytearray()
        self._first = 0

    @property
    def end(self) -> int | None:
        """How many bytes there are; None while that is not known."""
        return self._first + len(self._kept) if self._inflating.eof else None

    def read_at(self, length: int, position: int) -> bytes:
        """Return `length` bytes from `position` on, fewer at the end.

        Raises:
            HeaderTooLong: they lie beyond `LONGEST_HEADER`.
            EOFError: the file ends before the data set does, or they were let go of.
            zlib.error: it was not deflated.

        """
        if position < self._first:
            raise EOFError("what was read is kept for a while only")
        while not self._inflating.eof and self._first + len(self._kept) < position + length:
            self._inflate_more()
            behind = min(position - self._first, len(self._kept)) - _KEPT_BEHIND
            if behind >= _KEPT_BEHIND:
                del self._kept[:behind]
                self._first += behind
        at = position - self._first
        return bytes(self._kept[at : at + length])

    def _inflate_more(self) -> None:
        if self._first + len(self._kept) >= LONGEST_HEADER:
            raise HeaderTooLong(LONGEST_HEADER)
        deflated = self._inflating.unconsumed_tail
        if not deflated:
            deflated = self._read(_PIECE, self._next)
            self._next += len(deflated)
        inflated = self._inflating.decompress(deflated, _PIECE)
        if not deflated and not inflated and not self._inflating.eof:
            raise EOFError("the deflated data set is cut short")
        self._kept += inflated


@contextmanager
def inflated_file(path: Path) -> Iterator[Inflated | None]:
    """Give the data set of the Part 10 file at `path` inflated, or None where its transfer syntax is another one.

    Raises:
        OSError: the file can't be read, or is malformed.
        InvalidDicomError: it is no Part 10 file.

    """
    meta, start = split_dataset(path)
    if str(meta.get("TransferSyntaxUID", "")) != DeflatedExplicitVRLittleEndian:
        yield None
        return
    with path.open("rb") as file:

        def read(length: int, position: int) -> bytes:
            file.seek(position)
            return file.read(length)

        yield Inflated(read, start)


def read_deflated(inflated: Inflated, last: int, tags: Collection[int]) -> Dataset:
    """Return those of the attributes `tags` that come up to the tag `last`, from a data set read from its beginning.

    Raises:
        HeaderTooLong: `last` is not reached within the bounds.
        Exception: whatever pydicom raises.

    """
    stream = _Stream(inflated)
    try:
        return read_dataset(
            cast(BinaryIO, stream),
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, _vr, _length: tag > last,
            specific_tags=list(tags),
        )
    except Exception:
        if stream.too_long is not None:  # pydicom makes an OSError of whatever happens at an item
            raise stream.too_long from None
        raise


class _Stream(io.RawIOBase):
    """As much of a file as pydicom needs."""

    def __init__(self, inflated: Inflated) -> None:
        self._inflated = inflated
        self._position = 0
        self._left = _MOST_PARSED
        self.too_long: HeaderTooLong | None = None

    def read(self, size: int = -1) -> bytes:
        size = max(size, 0)
        self._left -= size
        try:
            content = self._inflated.read_at(self._within_bounds(size), self._position)
        except HeaderTooLong as problem:
            self.too_long = problem
            raise
        self._position += len(content)
        return content

    def _within_bounds(self, size: int) -> int:
        if self._left < 0:
            raise HeaderTooLong(_MOST_PARSED)
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset if whence == io.SEEK_SET else self._position + offset
        return self._position

    def tell(self) -> int:
        return self._position
