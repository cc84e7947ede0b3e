"""Zip files of strangers: what is in them, without unpacking more than was allowed and without using their names."""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

MAX_MEMBERS: Final = 2000
_MAX_DIRECTORY_BYTES: Final = 2 << 20
"""Of the list of names; the library would read one of any size into memory."""
_COPY_BYTES: Final = 1 << 20
_SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _END_SIZE, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65535
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END_64, _END_64_SIZE = b"PK\x06\x06", 56


class ZipRefused(Exception):
    """The zip file can't be taken; the text says what to do."""


@dataclass(frozen=True)
class Member:
    """A file in a zip file; `refusal`: why it is not unpacked."""

    name: str
    size: int
    refusal: str | None
    info: zipfile.ZipInfo


def is_zip(path: Path) -> bool:
    """Say whether a file begins as a zip file does."""
    with path.open("rb") as file:
        return file.read(4) in _SIGNATURES


@contextmanager
def opened_zip(path: Path, max_unpacked: int) -> Iterator[OpenedZip]:
    """Open a zip file whose members unpack to at most `max_unpacked` bytes together.

    Raises:
        ZipRefused: it is damaged, encrypted, or unpacks to too much.

    """
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as problem:
        raise _damaged() from problem
    with archive:
        # The library moves the beginnings by what it finds amiss, and would seek to before the file.
        end = path.stat().st_size
        if any(not 0 <= info.header_offset < end for info in archive.infolist()):
            raise _damaged()
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > MAX_MEMBERS:
            raise ZipRefused(f"The zip file holds more than {MAX_MEMBERS} files. Send one examination at a time.")
        if any(info.flag_bits & _ENCRYPTED for info in infos):
            raise ZipRefused("The zip file is locked with a password. Pack it without one.")
        if sum(info.file_size for info in infos) > max_unpacked:
            raise ZipRefused(
                f"The zip file unpacks to more than {max_unpacked >> 20} MiB. Send one examination at a time."
            )
        yield OpenedZip(archive, [_member(info) for info in infos])


@dataclass(frozen=True)
class OpenedZip:
    """`members`: the files in it, in its order."""

    archive: zipfile.ZipFile
    members: list[Member]

    @property
    def unpacked_bytes(self) -> int:
        return sum(member.size for member in self.members)

    def unpack(self, member: Member, target: Path) -> None:
        """Write a member to `target`.

        Raises:
            ZipRefused: it is damaged.
            OSError: `target` can't be written, or the disk fails.

        """
        with target.open("xb") as file:
            for piece in self._pieces(member):
                file.write(piece)

    def _pieces(self, member: Member) -> Iterator[bytes]:
        try:
            # The library stops at the size that the member announced, which was counted.
            with self.archive.open(member.info) as source:
                while piece := source.read(_COPY_BYTES):
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as problem:
            raise _damaged() from problem
        except OSError as problem:
            if problem.errno != errno.EINVAL:
                raise  # the disk
            raise _damaged() from problem  # a place that no file has


def is_clutter(name: str) -> bool:
    """Say whether a file is one that computers put beside others by themselves."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.name in (".DS_Store", "Thumbs.db", "desktop.ini") or "__MACOSX" in path.parts


def _member(info: zipfile.ZipInfo) -> Member:
    refusal = None
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        refusal = "Its name leads out of the zip file."
    elif info.compress_type not in _METHODS:
        refusal = "It is packed in an unusual way. Pack it again, as an ordinary zip file."
    return Member(info.filename, info.file_size, refusal, info)


def _check_directory(path: Path) -> None:
    """Refuse a list of names that is too long, before the library reads it (APPNOTE 4.3.14, 4.3.16)."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        tail_at = max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR_SIZE - _END_64_SIZE)
        file.seek(tail_at)
        tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_SIZE:
        raise _damaged()
    (directory,) = struct.unpack_from("<I", tail, end + 12)
    locator = end - _LOCATOR_SIZE
    if locator >= 0 and tail[locator : locator + 4] == _LOCATOR:
        # The library believes this record, wherever the first one already says something.
        end_64 = locator - _END_64_SIZE
        if end_64 < 0 or tail[end_64 : end_64 + 4] != _END_64:
            raise _damaged()
        (directory,) = struct.unpack_from("<Q", tail, end_64 + 40)
    if directory > _MAX_DIRECTORY_BYTES:
        raise ZipRefused(f"The zip file holds more than {MAX_MEMBERS} files. Send one examination at a time.")


def _damaged() -> ZipRefused:
    return ZipRefused("The zip file is damaged, or not complete. Pack it again.")
