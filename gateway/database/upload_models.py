"""Tables of uploads that come in pieces, and of the clinical notes that come with them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gateway.database.columns import Base, now

UploadStatus = Literal["receiving", "storing", "done"]
Verdict = Literal["stored", "refused", "left_out"]
_TEXT = String(64)
_UID = String(64)
_UPLOAD_ID = String(36)


class Upload(Base):
    """Files that one person sends together; its id is made by the sender.

    `receiving` until the sender says that all is there, `storing` until each file is an instance or refused, `done`.
    `announced` is the digest of what the sender asked for, so that asking again is told apart from asking otherwise.
    The note's columns are emptied once the note is kept with its studies.
    """

    __tablename__ = "upload"
    __table_args__ = (Index("ix_upload_status", "status", "touched_at"),)
    id: Mapped[str] = mapped_column(_UPLOAD_ID, primary_key=True)
    owner: Mapped[str] = mapped_column(_TEXT, index=True)
    address: Mapped[str] = mapped_column(_TEXT)
    announced: Mapped[str] = mapped_column(String(64))
    status: Mapped[UploadStatus] = mapped_column(_TEXT, default="receiving")
    problem: Mapped[str | None]
    """Why it is not stored yet, a sentence without patient data."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    touched_at: Mapped[datetime] = mapped_column(default=now)
    note_age: Mapped[int | None]
    note_reason: Mapped[str | None]
    note_history: Mapped[str | None]

    files: Mapped[list[UploadFile]] = relationship(order_by="UploadFile.number", cascade="all, delete-orphan")
    items: Mapped[list[UploadItem]] = relationship(
        order_by="UploadItem.file_number, UploadItem.position", cascade="all, delete-orphan"
    )


class UploadFile(Base):
    """One file as it is sent. `received` bytes from its start are on disk."""

    __tablename__ = "upload_file"
    __table_args__ = (UniqueConstraint("upload_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("upload.id"))
    number: Mapped[int]
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    received: Mapped[int] = mapped_column(BigInteger, default=0)


class UploadItem(Base):
    """What became of one object: a file, or the `position`th in a zip file (from 1; 0 is the file itself)."""

    __tablename__ = "upload_item"
    __table_args__ = (UniqueConstraint("upload_id", "file_number", "position"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("upload.id"))
    file_number: Mapped[int]
    position: Mapped[int]
    name: Mapped[str]
    verdict: Mapped[Verdict] = mapped_column(_TEXT)
    reason: Mapped[str | None]
    study_instance_uid: Mapped[str | None] = mapped_column(_UID, index=True)


class ClinicalNote(Base):
    """What a health centre wrote about the woman; kept with the study, read by doctors, used by nothing else."""

    __tablename__ = "clinical_note"
    __table_args__ = (UniqueConstraint("study_id", "upload_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    upload_id: Mapped[str] = mapped_column(_UPLOAD_ID)
    """The upload it came with, which may be gone by now."""
    author: Mapped[str] = mapped_column(_TEXT)
    written_at: Mapped[datetime] = mapped_column(default=now)
    age: Mapped[int | None]
    reason: Mapped[str | None]
    history: Mapped[str | None]
