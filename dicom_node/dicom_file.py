"""What a Part 10 file says of itself before its data set (PS3.10 7.1), and finding such files in folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

MAGIC_OFFSET, MAGIC = 128, b"DICM"


class NotADicomFile(ValueError):
    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name} is not a DICOM file that can be sent ({problem}).")


@dataclass(frozen=True)
class FileHeader:
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


def read_header(path: Path) -> FileHeader:
    """Read the file meta information only."""
    try:
        meta = read_file_meta_info(path)
        return FileHeader(
            str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID)
        )
    except OSError as problem:
        raise NotADicomFile(path, problem.strerror or str(problem)) from problem
    except InvalidDicomError as problem:
        raise NotADicomFile(path, "it has no DICM prefix") from problem
    except AttributeError as problem:
        raise NotADicomFile(
            path, "its file meta information lacks the SOP class, instance or transfer syntax"
        ) from problem
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
    except NotADicomFile:
        return False  # the sender will say what is wrong with it
