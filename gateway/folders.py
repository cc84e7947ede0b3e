"""The data folder: where each kind of file lies, and how a file becomes durable."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_SHARDS = tuple(f"{number:02x}" for number in range(256))


@dataclass(frozen=True)
class Folders:
    """Paths below the data folder. Rows hold paths relative to `root`, so that it can be moved or restored."""

    root: Path

    @property
    def incoming(self) -> Path:
        """Files being written; nothing here was ever acknowledged."""
        return self.root / "incoming"

    @property
    def uploads(self) -> Path:
        """Uploads that come in pieces, a folder each, until they are stored as instances."""
        return self.root / "uploads"

    @property
    def instances(self) -> Path:
        """Acknowledged instances, sharded by the first two hexadecimal digits of their random name."""
        return self.root / "instances"

    @property
    def quarantine(self) -> Path:
        """What arrived and can't be an instance."""
        return self.root / "quarantine"

    @property
    def reports(self) -> Path:
        """Finished reports."""
        return self.root / "reports"

    @property
    def readings(self) -> Path:
        """Heat maps."""
        return self.root / "readings"

    @property
    def headers(self) -> Path:
        """Headers of images that retention has deleted."""
        return self.root / "headers"

    @property
    def pictures(self) -> Path:
        """Images for viewers; derived, may be removed and are made again."""
        return self.root / "pictures"

    @property
    def slots(self) -> Path:
        """Lock files that give each process its stable name."""
        return self.root / "slots"

    @property
    def deidentification_key(self) -> Path:
        """The secret key of exports' pseudonyms; there once something was exported."""
        return self.root / "deidentification.key"

    @property
    def traces_key(self) -> Path:
        """The secret key that names of traces are made with; there once a process sent traces."""
        return self.root / "traces.key"

    @property
    def vapid_key(self) -> Path:
        """The key by which push services know this gateway; there once `mammogate push key` was run."""
        return self.root / "vapid.pem"

    def create(self) -> None:
        """Create every folder and make their names durable; doing it again changes nothing."""
        for folder in (
            self.incoming,
            self.uploads,
            self.quarantine,
            self.reports,
            self.readings,
            self.headers,
            self.pictures,
            self.slots,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for shard in _SHARDS:
            (self.instances / shard).mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.instances, self.root):
            sync_folder(folder)

    def new_incoming(self) -> Path:
        """Return a fresh path for a file that is about to be written."""
        return self.incoming / f"{uuid4().hex}.part"

    def new_instance(self) -> Path:
        """Return a fresh path for an instance; its folder exists."""
        name = uuid4().hex
        return self.instances / name[:2] / f"{name}.dcm"

    def new_header(self, study_uid: str) -> Path:
        """Return a fresh path for the header of an image of the study; its folder need not exist."""
        return self.headers / study_uid / f"{uuid4().hex}.dcm"

    def relative(self, path: Path) -> str:
        """Return `path` as rows hold it."""
        return path.relative_to(self.root).as_posix()

    def free_bytes(self) -> int:
        """Return how much room is left on the file system of the data folder."""
        return shutil.disk_usage(self.root).free


def sync_file(path: Path) -> None:
    """Put the file's content on disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Put the folder's list of names on disk (fsync of a directory)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durable(path: Path) -> None:
    """Put a file that has its final name on disk, content and name, so that it survives a power cut.

    The name comes before the content: then both are on disk with one commit of the file system's journal, where
    syncing first and renaming after it takes two. A power cut before this returns may leave a part of the file under
    its final name, so nothing may count on a file that no row knows.
    """
    sync_file(path)
    sync_folder(path.parent)


def move_durably(source: Path, target: Path) -> None:
    """Rename within one file system so that the file is at `target`, whole, even after a power cut.

    Raises:
        OSError: it is not on disk; nothing is left at `target`.

    """
    source.rename(target)
    try:
        make_durable(target)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is either whole or not there at all."""
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    sync_folder(path.parent)
    for folder in missing:
        sync_folder(folder.parent)
