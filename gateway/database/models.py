"""Tables of the main job: studies, instances, what was read in them, reports and deliveries."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gateway.database.columns import Base, now

StudyStatus = Literal["receiving", "queued", "processing", "reported", "failed"]
DeliveryStatus = Literal["waiting", "delivered", "failed"]
Role = Literal["read", "kept", "foreign"]
_TEXT = String(64)  # a short code; SQLAlchemy would make Literal an enum type, which migrations would have to follow
_UID = String(64)
READER_CRASHED, DELETED_HERE = "ReaderCrashed", "DeletedHere"
_STILL_OPEN = text("closed_at IS NULL")
_GATHERED, _DELIVERED = text("gathering IS NOT NULL"), text("status = 'delivered'")


class Installation(Base):
    """One row: who this gateway is. Deterministic UIDs derive from its id."""

    __tablename__ = "installation"
    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Study(Base):
    """A study, from its first instance on.

    `generation` counts completed gatherings: it is 0 until the first one is frozen. `gathering` is the generation
    that instances are being collected for now, or None. `run` counts the attempts at the current generation.
    """

    __tablename__ = "study"
    # `/metrics` asks for these again and again, among all studies that ever came.
    __table_args__ = (
        Index("ix_study_gathered", "last_received_at", sqlite_where=_GATHERED, postgresql_where=_GATHERED),
        Index("ix_study_status", "status", "updated_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(_UID, unique=True)
    patient_id: Mapped[str | None]
    patient_name: Mapped[str | None]
    birth_date: Mapped[date | None]
    study_date: Mapped[date | None]
    accession_number: Mapped[str | None]
    status: Mapped[StudyStatus] = mapped_column(_TEXT, default="receiving")
    generation: Mapped[int] = mapped_column(default=0)
    gathering: Mapped[int | None]
    run: Mapped[int] = mapped_column(default=0)
    first_received_at: Mapped[datetime] = mapped_column(default=now)
    last_received_at: Mapped[datetime] = mapped_column(default=now)
    frozen_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now, index=True)
    attention: Mapped[str] = mapped_column(_TEXT, default="none")
    label: Mapped[str | None] = mapped_column(_TEXT)
    malignancy_score: Mapped[float | None]
    model_version: Mapped[str | None] = mapped_column(_TEXT)
    engine: Mapped[str | None] = mapped_column(_TEXT)
    missing_views: Mapped[dict[str, Any] | None]
    """{"views": ["R CC", ...]}: standard views that had not come when the generation was frozen."""

    instances: Mapped[list[Instance]] = relationship(back_populates="study", order_by="Instance.id")
    flags: Mapped[list[StudyFlag]] = relationship(order_by="StudyFlag.id")
    reports: Mapped[list[Report]] = relationship(order_by="Report.id")


class StudyFlag(Base):
    """Something that people should know of a study; a sentence without patient data."""

    __tablename__ = "study_flag"
    __table_args__ = (UniqueConstraint("study_id", "text"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    text: Mapped[str]
    generation: Mapped[int | None]
    """Set when the flag tells of one generation only; a later generation then replaces it."""
    raised_at: Mapped[datetime] = mapped_column(default=now)


class AssociationRecord(Base):
    """An association, request or poll that brought instances; open while `closed_at` is None."""

    __tablename__ = "association"
    # Looked for again and again, and few: the table itself only grows.
    __table_args__ = (Index("ix_association_open", "receiver", sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    receiver: Mapped[str] = mapped_column(_TEXT, index=True)
    channel: Mapped[str] = mapped_column(_TEXT)
    peer_ae_title: Mapped[str]
    peer_address: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]


class Instance(Base):
    """An acknowledged instance. `path` is relative to the data folder. `generation` is None until it is frozen.

    Once retention has deleted its file, `deleted_at` says when and `deleted_because` why; `header_path` is then the
    file of its header, and `fingerprint` tells whether an object that comes later is the same.
    """

    __tablename__ = "instance"
    # Of the instances whose file is here: retention looks for them among all that ever came.
    __table_args__ = (
        Index(
            "ix_instance_here",
            "study_id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_instance_role", "role"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    series_instance_uid: Mapped[str] = mapped_column(_UID)
    sop_instance_uid: Mapped[str] = mapped_column(_UID, unique=True)
    sop_class_uid: Mapped[str] = mapped_column(_UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(_UID)
    role: Mapped[Role] = mapped_column(_TEXT)
    role_reason: Mapped[str | None]
    laterality: Mapped[str | None] = mapped_column(_TEXT)
    view: Mapped[str | None] = mapped_column(_TEXT)
    is_standard: Mapped[bool] = mapped_column(default=False)
    """One of the four views that complete a study, of the whole breast (no spot view, no displaced implant)."""
    presentation_intent: Mapped[str | None] = mapped_column(_TEXT)
    patient_key: Mapped[str] = mapped_column(String(64))
    """Digests of patient id, name and birth date, so that disagreement is seen without reading files."""
    path: Mapped[str]
    size: Mapped[int]
    association_id: Mapped[str] = mapped_column(ForeignKey("association.id"), index=True)
    received_at: Mapped[datetime] = mapped_column(default=now)
    generation: Mapped[int | None]
    deleted_at: Mapped[datetime | None]
    deleted_because: Mapped[str | None]
    header_path: Mapped[str | None]
    fingerprint: Mapped[str | None] = mapped_column(String(80))

    study: Mapped[Study] = relationship(back_populates="instances")

    @property
    def header_file(self) -> str:
        """The file that holds the instance's header, relative to the data folder."""
        return self.header_path or self.path


class Duplicate(Base):
    """A second object under a SOP Instance UID that the gateway holds; compared after the acknowledgement."""

    __tablename__ = "duplicate"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"), index=True)
    study_instance_uid: Mapped[str] = mapped_column(_UID)
    path: Mapped[str]
    status: Mapped[Literal["waiting", "same", "different"]] = mapped_column(_TEXT, default="waiting")
    detail: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(default=now)


class Quarantined(Base):
    """A file that arrived and can't be an instance; kept for the operator."""

    __tablename__ = "quarantined"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    reason: Mapped[str]
    channel: Mapped[str] = mapped_column(_TEXT)
    peer_ae_title: Mapped[str]
    peer_address: Mapped[str]
    announced_sop_instance_uid: Mapped[str | None] = mapped_column(_UID)
    received_at: Mapped[datetime] = mapped_column(default=now)


class Reading(Base):
    """What the engine said of one image in one generation; `result` is a ViewResult as JSON.

    `engine`: "embedded" or "remote"; None in rows of earlier versions, which knew the embedded one only.
    `refusal` names why there is none (an exception of `preprocessing.errors`, READER_CRASHED or DELETED_HERE); it and
    `detector` (maker and model) are None in rows of earlier versions, and the detector where the header has none.
    """

    __tablename__ = "reading"
    __table_args__ = (UniqueConstraint("instance_id", "generation"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    generation: Mapped[int]
    result: Mapped[dict[str, Any]]
    model_version: Mapped[str] = mapped_column(_TEXT)
    engine: Mapped[str | None] = mapped_column(_TEXT)
    heat_map_path: Mapped[str | None]
    timings: Mapped[dict[str, Any] | None]
    refusal: Mapped[str | None] = mapped_column(_TEXT)
    detector: Mapped[str | None] = mapped_column(String(128))
    read_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Report(Base):
    """A report object on disk. Its UID is deterministic, so a repeated build finds its own row."""

    __tablename__ = "report"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    generation: Mapped[int]
    kind: Mapped[str] = mapped_column(_TEXT)
    dialect: Mapped[str] = mapped_column(_TEXT)
    sop_class_uid: Mapped[str] = mapped_column(_UID)
    sop_instance_uid: Mapped[str] = mapped_column(_UID, unique=True)
    series_instance_uid: Mapped[str] = mapped_column(_UID)
    source_sop_instance_uid: Mapped[str | None] = mapped_column(_UID)
    path: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)

    deliveries: Mapped[list[Delivery]] = relationship(back_populates="report", order_by="Delivery.id")


class Delivery(Base):
    """One object owed to one destination: a report, a forwarded image, or the withdrawal of an earlier report.

    `maybe_there`: an attempt was begun, and it is not known that the destination has refused the object.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        # One row sets exactly one of report_id and instance_id, and NULLs never collide.
        UniqueConstraint("destination", "report_id", "action"),
        UniqueConstraint("destination", "instance_id", "action"),
        Index("ix_delivery_open", "status", "destination"),
        Index(
            "ix_delivery_delivered",
            "destination",
            "delivered_at",
            sqlite_where=_DELIVERED,
            postgresql_where=_DELIVERED,
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    generation: Mapped[int]
    destination: Mapped[str] = mapped_column(_TEXT)
    action: Mapped[Literal["send", "withdraw"]] = mapped_column(_TEXT, default="send")
    report_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"), index=True)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("instance.id"), index=True)
    status: Mapped[DeliveryStatus] = mapped_column(_TEXT, default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    maybe_there: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_error: Mapped[str | None]
    first_due_at: Mapped[datetime] = mapped_column(default=now)
    next_attempt_at: Mapped[datetime] = mapped_column(default=now)
    delivered_at: Mapped[datetime | None]

    report: Mapped[Report | None] = relationship(back_populates="deliveries")
    instance: Mapped[Instance | None] = relationship()
    study: Mapped[Study] = relationship()


class DeadLetter(Base):
    """Work that failed for good, in plain words, until somebody retries it."""

    __tablename__ = "dead_letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    generation: Mapped[int]
    step: Mapped[str] = mapped_column(_TEXT)
    reason: Mapped[str]
    failed_at: Mapped[datetime] = mapped_column(default=now)
    resolved_at: Mapped[datetime | None]


class FeedEvent(Base):
    """One live event. `number` comes from a locked counter row, so the order of numbers is the order of commits."""

    __tablename__ = "feed_event"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(_TEXT)
    study_instance_uid: Mapped[str] = mapped_column(_UID)
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=now)


class Counter(Base):
    """Gapless counters; the row is locked by whoever draws the next number until its transaction ends."""

    __tablename__ = "counter"
    name: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    value: Mapped[int]


class SourcePosition(Base):
    """How far the changes of an Orthanc have been followed, or the audit trail been sent, and by whom."""

    __tablename__ = "source_position"
    source: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    position: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(default=now)
    holder: Mapped[str | None] = mapped_column(_TEXT)
    """The slot name of the process that follows it now; None: nobody, or it has stopped."""


class Heartbeat(Base):
    """A process (receive, work or api), and when it was last seen alive by the database's clock.

    `folder_id`: of the data folder in which it works; none from a version that did not tell.

    The table is named after the first processes that had one; a machine of an earlier version still looks for it there.
    """

    __tablename__ = "worker_heartbeat"
    executor_id: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    folder_id: Mapped[str | None] = mapped_column(String(36))
