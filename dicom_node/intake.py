"""What every way in needs of the outside: a durable intake.

C-STORE, STOW-RS, the Orthanc source and uploads all write an instance to a file that the intake names, then ask the
intake to accept it. Only when `accept` has returned may anybody be told that the instance is safe.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

Channel = Literal["dicom", "orthanc", "stow", "upload"]


@dataclass(frozen=True)
class Origin:
    """Where an instance comes from; one per association, STOW-RS request or source poll."""

    channel: Channel
    association_id: str
    """A UUID for each association or request; the gateway counts a study as still arriving while it is open."""
    peer_ae_title: str
    peer_address: str


@dataclass(frozen=True)
class AnnouncedInstance:
    """What the sender said before the data set; None where the channel announces nothing (STOW-RS, Orthanc REST)."""

    sop_class_uid: str | None
    sop_instance_uid: str | None


class Verdict(Enum):
    """What became of an instance; the value is the C-STORE status (PS3.4 B.2.3, PS3.7 C)."""

    STORED = 0x0000
    """Durable: file and database row are on disk. Duplicates and conflicting duplicates are STORED too."""
    UNREADABLE = 0xC000
    """Header unreadable, or its SOP Instance UID is not the announced one; kept in quarantine."""
    CLASS_MISMATCH = 0xA900
    """The SOP class is not the announced one; kept in quarantine."""
    OUT_OF_RESOURCES = 0xA700
    """Nothing was kept; the sender must send again."""


@dataclass(frozen=True)
class Answer:
    """`comment` is a sentence for the sender (PS3.7 Error Comment: at most 64 characters are sent), no patient data."""

    verdict: Verdict
    comment: str = ""
    study_instance_uid: str | None = None
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None


class Intake(Protocol):
    """Implemented by the gateway. Methods are called from many threads at once. None of them raises."""

    def new_file(self) -> Path:
        """Return a fresh path (not yet created) on the file system of the store, private until accepted."""

    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        """Take over the Part 10 file at `path`: fsync, rename, fsync of the folder, row and job, then answer."""

    def discard(self, path: Path) -> None:
        """Remove a file that will not be accepted (aborted association, refused upload)."""

    def association_closed(self, origin: Origin) -> None:
        """Say that nothing more comes from this origin."""

    def known_instances(self, sop_instance_uids: Collection[str]) -> set[str]:
        """Return which of these the gateway already holds, or wrote itself as a report."""
