"""What the routes of uploads and notes need of the outside; methods block, and are called from many threads at once.

They raise `StoreUnavailableError` (`reporting.feed.stores`) when the database does not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from reporting.feed.upload_schemas import NewUpload, StudyNote, UploadState

RefusalCode = Literal[
    "unknown_upload",
    "unknown_file",
    "other_upload",
    "too_many_uploads",
    "too_large",
    "disk_full",
    "wrong_offset",
    "other_bytes",
    "beyond_the_end",
    "incomplete",
    "not_receiving",
]


class UploadRefusedError(Exception):
    """The request can't be done; the text says what to do. `received`: where to go on, when the offset was wrong."""

    def __init__(self, code: RefusalCode, message: str, received: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.received = received


@dataclass(frozen=True)
class Sender:
    """Who uploads, and from where. An upload is visible to its sender only."""

    name: str
    address: str


class UploadDesk(Protocol):
    """Takes uploads in; each method but `uploads` raises `UploadRefusedError`."""

    def open(self, upload_id: str, announced: NewUpload, sender: Sender) -> tuple[UploadState, bool]:
        """Begin an upload and return True; False where the sender has already begun this very one."""

    def uploads(self, sender: Sender, limit: int) -> Sequence[UploadState]: ...

    def upload(self, upload_id: str, sender: Sender) -> UploadState: ...

    def append(self, upload_id: str, sender: Sender, number: int, offset: int, piece: bytes) -> int:
        """Put the piece at `offset` of the `number`th file on disk; return how much of the file is there now.

        A piece that is there already is taken as it is, when its bytes are the same.
        """

    def finish(self, upload_id: str, sender: Sender) -> UploadState:
        """Have the files stored, once; all bytes must be there. Returns at once: storing goes on by itself."""

    def cancel(self, upload_id: str, sender: Sender) -> None:
        """Remove an upload that is not finished, or the record of one that is done."""


class NoteStore(Protocol):
    def notes(self, study_instance_uid: str) -> Sequence[StudyNote] | None:
        """Return the notes of a study, the oldest first; None when there is no such study."""
