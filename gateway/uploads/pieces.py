"""A file that grows piece by piece, each on disk before anybody is told so."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.folders import sync_folder


class WrongOffset(Exception):
    """The piece does not begin where the file ends."""


class OtherBytes(Exception):
    """At this place the file holds other bytes: this piece is of another file."""


@dataclass(frozen=True)
class Growing:
    """A file that this process alone writes now."""

    descriptor: int

    def reached(self, recorded: int) -> int:
        """Return how much of the file is surely there: what was recorded, or less where the file was lost since."""
        return min(recorded, os.fstat(self.descriptor).st_size)

    def put(self, offset: int, piece: bytes, reached: int) -> int:
        """Put a piece on disk; return how far the file reaches then. What is there already is only compared.

        Raises:
            WrongOffset: there would be a gap, or it reaches over the end of what is there.
            OtherBytes: what is there differs.
            OSError: the disk is full or failing.

        """
        end = offset + len(piece)
        if end <= reached:
            if os.pread(self.descriptor, len(piece), offset) != piece:
                raise OtherBytes
            return reached
        if offset != reached:
            raise WrongOffset
        written = 0
        while written < len(piece):
            written += os.pwrite(self.descriptor, piece[written:], offset + written)
        os.fsync(self.descriptor)
        return end


@contextmanager
def growing(path: Path) -> Iterator[Growing]:
    """Open a file that grows, for one process at a time; its name is durable."""
    new_folder = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # two requests with one piece: the first was cut off, and still works
        if os.fstat(descriptor).st_size == 0:
            sync_folder(path.parent)
            if new_folder:
                sync_folder(path.parent.parent)
        yield Growing(descriptor)
    finally:
        os.close(descriptor)
