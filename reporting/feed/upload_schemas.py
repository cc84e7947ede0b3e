"""What uploads look like over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from reporting.feed.schemas import StudyStatus

PIECE_BYTES = 1 << 20
"""The most that one request carries: what a line that breaks has to send again at most."""
MAX_FILES = 2000
UploadStatus = Literal["receiving", "storing", "done"]
Verdict = Literal["stored", "refused", "left_out"]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Note(_Shape):
    """What the health centre says of the woman; kept with the study for doctors, never sent to an inference engine."""

    age: Annotated[int, Field(ge=0, le=130)] | None = None
    """Years."""
    reason: Annotated[str, Field(max_length=500)] | None = None
    """Why she was examined."""
    history: Annotated[str, Field(max_length=4000)] | None = None


class AnnouncedFile(_Shape):
    """A file that is about to come; `sha256` (hexadecimal) of the whole is compared at the end, where given."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    size: Annotated[int, Field(ge=0, le=1 << 40)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class NewUpload(_Shape):
    """Files of one examination, sent together: they are stored when all of them are there."""

    files: Annotated[tuple[AnnouncedFile, ...], Field(min_length=1, max_length=MAX_FILES)]
    note: Note | None = None


class UploadedFile(AnnouncedFile):
    """`received` bytes from the start are on the gateway's disk: go on there."""

    number: Annotated[int, Field(ge=1)]
    received: Annotated[int, Field(ge=0)]


class UploadedItem(_Shape):
    """What became of one file, or of one in a zip file: `reason` says why it was refused, left out, or is not read."""

    name: str
    verdict: Verdict
    reason: str | None
    study_instance_uid: str | None


class UploadedStudy(_Shape):
    """A study that files of the upload went into, and how far it is now."""

    study_instance_uid: str
    status: StudyStatus


class UploadState(_Shape):
    """How far an upload is. `problem` is why it is not stored yet; `kept_until` is when an unfinished one goes."""

    id: str
    status: UploadStatus
    created_at: datetime
    kept_until: datetime | None
    problem: str | None
    files: tuple[UploadedFile, ...]
    items: tuple[UploadedItem, ...]
    studies: tuple[UploadedStudy, ...]


class UploadList(_Shape):
    """One's own uploads, the newest first."""

    items: tuple[UploadState, ...]


class StudyNote(Note):
    """A note that came with an upload into this study."""

    author: str
    written_at: datetime


class StudyNotes(_Shape):
    """The notes of a study, the oldest first."""

    items: tuple[StudyNote, ...]
