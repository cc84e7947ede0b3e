"""Taking uploads in, piece by piece. What has been answered is on disk and in the database, whoever dies then."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.upload_models import Upload, UploadFile
from gateway.feed.availability import reading, writing
from gateway.folders import Folders
from gateway.uploads.concluding import settle
from gateway.uploads.pieces import OtherBytes, WrongOffset, growing
from gateway.uploads.places import folder_of, part_of, storing_alone
from gateway.uploads.upload_rows import shown
from reporting.feed.upload_schemas import NewUpload, UploadState
from reporting.feed.upload_stores import Sender, UploadRefusedError

log = structlog.get_logger(__name__)
MAX_OPEN: Final = 20
"""Uploads of one sender that are not finished: more are a program gone wild."""
_ADDRESS_LENGTH: Final = 64


@dataclass(frozen=True)
class UploadLimits:
    max_bytes: int
    reserve_bytes: int
    """Room that stays free on the disk."""
    keep: timedelta
    """How long an unfinished upload waits for its next piece."""


class Desk:
    """Implements `reporting.feed.upload_stores.UploadDesk`; `wake` is called when something waits to be stored."""

    def __init__(
        self, database: Database, folders: Folders, limits: UploadLimits, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._folders = folders
        self._limits = limits
        self._wake = wake

    def open(self, upload_id: str, announced: NewUpload, sender: Sender) -> tuple[UploadState, bool]:
        digest = hashlib.sha256(announced.model_dump_json().encode()).hexdigest()
        size = sum(file.size for file in announced.files)
        if size > self._limits.max_bytes:
            raise UploadRefusedError(
                "too_large",
                f"An upload has at most {self._limits.max_bytes >> 20} MiB. Send fewer files at once.",
            )
        try:
            with writing(self._database) as session:
                known = session.get(Upload, upload_id)
                if known is None:
                    self._check_room(session, sender, size)
                    row = _new_row(upload_id, announced, sender, digest)
                    session.add(row)
                    session.flush()
                    return self._shown(session, row), True
        except IntegrityError:
            pass  # the same request came twice at once, and the other one was first
        with reading(self._database) as session:
            row = _row(session, upload_id, sender)
            if row.announced != digest:
                raise UploadRefusedError("other_upload", "This id belongs to another upload. Make a new one.")
            return self._shown(session, row), False

    def uploads(self, sender: Sender, limit: int) -> Sequence[UploadState]:
        with reading(self._database) as session:
            rows = session.scalars(
                select(Upload)
                .where(Upload.owner == sender.name)
                .order_by(Upload.created_at.desc(), Upload.id)
                .limit(limit)
                .options(selectinload(Upload.files), selectinload(Upload.items))
            ).all()
            return [self._shown(session, row) for row in rows]

    def upload(self, upload_id: str, sender: Sender) -> UploadState:
        with reading(self._database) as session:
            return self._shown(session, _row(session, upload_id, sender))

    def append(self, upload_id: str, sender: Sender, number: int, offset: int, piece: bytes) -> int:
        size = self._file(upload_id, sender, number).size
        if offset + len(piece) > size:
            raise UploadRefusedError("beyond_the_end", f"The file was announced with {size} bytes, and this is more.")
        try:
            with growing(part_of(self._folders, upload_id, number)) as file:
                # Asked again now that nobody else writes: a request that was cut off may have gone on until here.
                recorded = self._file(upload_id, sender, number)
                reached = file.reached(recorded.received)
                if self._free() < len(piece):
                    raise _full()
                try:
                    received = file.put(offset, piece, reached)
                except WrongOffset:
                    raise UploadRefusedError("wrong_offset", f"Go on at byte {reached}.", reached) from None
                except OtherBytes:
                    raise UploadRefusedError(
                        "other_bytes", "This is not the file that the upload was begun with. Begin a new upload."
                    ) from None
                if received != recorded.received:
                    self._record(recorded.id, upload_id, received)
                return received
        except OSError as error:
            log.error("upload.disk_failed", error=error.strerror, errno=error.errno)
            raise _full() from error

    def finish(self, upload_id: str, sender: Sender) -> UploadState:
        with writing(self._database) as session:
            row = _row(session, upload_id, sender, lock=True)
            if row.status == "receiving":
                missing = sum(file.received < file.size for file in row.files)
                if missing:
                    raise UploadRefusedError("incomplete", f"{missing} files are not there in full yet.")
                row.status, row.touched_at = "storing", now()
                session.flush()
            state = self._shown(session, row)
        self._wake()
        return state

    def cancel(self, upload_id: str, sender: Sender) -> None:
        with reading(self._database) as session:
            _row(session, upload_id, sender)  # before a folder is made for its lock
        with storing_alone(self._folders, upload_id) as alone:
            with writing(self._database) as session:
                row = _row(session, upload_id, sender, lock=True)
                if row.status == "storing":
                    if not alone or row.problem is None:
                        raise UploadRefusedError(
                            "not_receiving", "The files are being stored and can't be taken back now."
                        )
                    settle(session, row)  # it waits, and some of its images may be stored
                    session.flush()
                session.delete(row)
            shutil.rmtree(folder_of(self._folders, upload_id), ignore_errors=True)

    def _shown(self, session: Session, row: Upload) -> UploadState:
        return shown(session, row, self._limits.keep)

    def _check_room(self, session: Session, sender: Sender, size: int) -> None:
        mine = select(func.count()).where(Upload.owner == sender.name, Upload.status == "receiving")
        if (session.scalar(mine) or 0) >= MAX_OPEN:
            raise UploadRefusedError(
                "too_many_uploads", f"{MAX_OPEN} of your uploads are not finished. Finish or cancel one first."
            )
        if self._free() < size:
            raise _full()

    def _file(self, upload_id: str, sender: Sender, number: int) -> UploadFile:
        with reading(self._database) as session:
            row = _row(session, upload_id, sender)
            if row.status != "receiving":
                raise UploadRefusedError("not_receiving", "This upload is finished.")
            if not 1 <= number <= len(row.files):
                raise UploadRefusedError("unknown_file", f"This upload has {len(row.files)} files.")
            return row.files[number - 1]

    def _record(self, file_id: int, upload_id: str, received: int) -> None:
        with writing(self._database) as session:
            # SQLite may have given the id of a file that was cancelled to one of another upload.
            file = (UploadFile.id == file_id, UploadFile.upload_id == upload_id)
            session.execute(update(UploadFile).where(*file).values(received=received))
            session.execute(update(Upload).where(Upload.id == upload_id).values(touched_at=now()))

    def _free(self) -> int:
        return self._folders.free_bytes() - self._limits.reserve_bytes


def _row(session: Session, upload_id: str, sender: Sender, *, lock: bool = False) -> Upload:
    wanted = select(Upload).where(Upload.id == upload_id, Upload.owner == sender.name)
    row = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if row is None:
        raise UploadRefusedError("unknown_upload", "There is no such upload of yours. Begin it again.")
    return row


def _new_row(upload_id: str, announced: NewUpload, sender: Sender, digest: str) -> Upload:
    note = announced.note
    return Upload(
        id=upload_id,
        owner=sender.name,
        address=sender.address[:_ADDRESS_LENGTH],
        announced=digest,
        note_age=note.age if note else None,
        note_reason=_said(note.reason) if note else None,
        note_history=_said(note.history) if note else None,
        files=[
            UploadFile(number=number, name=printable(file.name), size=file.size, sha256=file.sha256, received=0)
            for number, file in enumerate(announced.files, 1)
        ],
    )


def printable(name: str) -> str:
    """Return a file's name as it can be shown and kept, at most 255 characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:255]


def _said(text: str | None) -> str | None:
    # PostgreSQL keeps no NUL, and half a surrogate pair can't be written at all.
    cleaned = (text or "").replace("\0", "").encode("utf-8", "replace").decode().strip()
    return cleaned or None


def _full() -> UploadRefusedError:
    return UploadRefusedError("disk_full", "The gateway's disk is full or fails. Go on later; what is there stays.")
