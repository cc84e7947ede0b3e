"""What a Part 10 file says of itself before its data set (PS3.10 7.1), and finding such files in folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

MAGIC_OFFSET, MAGIC = 128, b"DICM"


class NotADicomFile(ValueError):
    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name} is not a DICOM file that can be sent ({problem}).")


class FileAway(Exception):
    """The disk or this machine is in trouble, which says nothing about the file: trying again later makes sense."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(
            f"{path.name} can't be read now ({problem.strerror}); see that the disk that holds it is mounted and well."
        )


@dataclass(frozen=True)
class FileHeader:
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell a file that is lost or malformed from a disk that fails while the file at `path` is read.

    Raises:
        NotADicomFile: it is missing, though its folder is there; or an OSError without a number: pydicom's, of content.
        FileAway: any other OSError.

    """
    try:
        yield
    except OSError as problem:
        # EINVAL is a jump to before the file's beginning, of its content too.
        if problem.errno in (None, errno.EINVAL):
            raise NotADicomFile(path, "it cannot be read as DICOM") from problem
        if problem.errno == errno.ENOENT and _is_lost(path):
            raise NotADicomFile(path, "it is missing") from problem
        raise FileAway(path, problem) from problem


def read_header(path: Path) -> FileHeader:
    """Read the file meta information only.

    Raises:
        NotADicomFile: it is missing, or no Part 10 file.
        FileAway: it can't be read at this moment.

    """
    try:
        with reading(path):
            meta = read_file_meta_info(path)
        return FileHeader(
            str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID)
        )
    except InvalidDicomError as problem:
        raise NotADicomFile(path, "it has no DICM prefix") from problem
    except AttributeError as problem:
        raise NotADicomFile(
            path, "its file meta information lacks the SOP class, instance or transfer syntax"
        ) from problem
    except NotADicomFile:
        raise
    except (ValueError, KeyError, EOFError, NotImplementedError) as problem:
        raise NotADicomFile(path, "its file meta information cannot be read") from problem


def has_dicom_prefix(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(MAGIC_OFFSET)
        return file.read(len(MAGIC)) == MAGIC


def find_dicom_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as they are named, and from folders (at any depth, sorted) the DICOM files except DICOMDIRs."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for candidate in sorted(p for p in path.rglob("*") if p.is_file()):
            if has_dicom_prefix(candidate) and not _is_directory_file(candidate):
                yield candidate


def _is_directory_file(path: Path) -> bool:
    try:
        return read_header(path).sop_class_uid == MediaStorageDirectoryStorage
    except (NotADicomFile, FileAway):
        return False  # the sender will say what is wrong with it


def _is_lost(path: Path) -> bool:
    """Say whether the folder is there and can be listed, and the file is not in it."""
    try:
        with os.scandir(path.parent) as entries:
            next(entries, None)
    except OSError:
        return False
    try:
        path.stat()  # again, after the folder was seen: the disk may have come back in between
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
