"""A data set on its way from the network to the intake's disk: never in memory as a whole, and never decoded."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

# What has arrived is handed to the disk while the rest of a large object still comes, and the last of it while the
# header is read, so that the fsync before the acknowledgement finds little left to do.
_WRITEBACK_BYTES = 1 << 20
_START_WRITING = 2  # SYNC_FILE_RANGE_WRITE (sync_file_range(2)): begin, and don't wait
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


class Place(Protocol):
    """Where the file lies; what a data set needs of the intake."""

    def new_file(self) -> Path:
        """Return a fresh path, not yet created."""

    def discard(self, path: Path) -> None:
        """Remove a file that will not be accepted."""


class DataSetFile:
    """A Part 10 file being received.

    A failure to write is remembered rather than raised: the sender is owed an answer, and has to be listened to until
    its data set has ended.
    """

    def __init__(self, place: Place, head: bytes) -> None:
        self._place = place
        self._path: Path | None = None
        self._descriptor = -1
        self._written = 0
        self._handed_to_disk = 0
        self.failure: Exception | None = None
        try:
            self._path = place.new_file()
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except Exception as problem:  # noqa: BLE001 (whatever it was, the sender gets "out of resources", not silence)
            self.failure = problem
        self.write([memoryview(head)])

    def write(self, pieces: Sequence[memoryview]) -> None:
        """Append pieces, at most 1024 (the kernel's IOV_MAX) at a time."""
        if self.failure is not None:
            return
        try:
            self._append(pieces)
            if self._written - self._handed_to_disk >= _WRITEBACK_BYTES:
                self._hand_to_disk()
        except OSError as problem:
            self.failure = problem

    def _append(self, pieces: Sequence[memoryview]) -> None:
        wanted = sum(map(len, pieces))
        done = os.writev(self._descriptor, pieces)
        self._written += done
        if done < wanted:  # a disk that is filling up may take less than it was given
            rest = memoryview(b"".join(pieces))[done:]
            while rest:
                done = os.write(self._descriptor, rest)
                self._written += done
                rest = rest[done:]

    def _hand_to_disk(self) -> None:
        # Where the file system can't, the fsync does it all: no failure.
        _libc.sync_file_range(self._descriptor, self._handed_to_disk, 0, _START_WRITING)
        self._handed_to_disk = self._written

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                os.close(descriptor)
            except OSError as problem:
                self.failure = self.failure or problem

    def hand_over(self) -> Path | None:
        """Close and return the path, which is the caller's from now on; None if writing failed."""
        if self.failure is None:
            self._hand_to_disk()
        self._close()
        if self.failure is not None:
            return None
        path, self._path = self._path, None
        return path

    def discard(self) -> None:
        """Remove what was written, unless it has been handed over."""
        self._close()
        if self._path is not None:
            self._place.discard(self._path)
            self._path = None
