"""Tables of storage commitment: who asked us to be responsible for what, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gateway.database.columns import Base, now

CommitmentStatus = Literal["waiting", "reported", "failed"]
_TEXT = String(64)
_UID = String(64)


class Commitment(Base):
    """A request for storage commitment; one row for each Transaction UID of a requester, however often it is sent.

    `waiting` until the report has been taken (`reported`) or was given up (`failed`). `attempts` names the jobs, so it
    is never set back.
    """

    __tablename__ = "commitment"
    __table_args__ = (
        UniqueConstraint("requester_ae_title", "transaction_uid"),
        Index("ix_commitment_open", "status", "next_attempt_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_uid: Mapped[str] = mapped_column(_UID)
    requester_ae_title: Mapped[str] = mapped_column(_TEXT)
    requester_address: Mapped[str]
    """Where it called from; where it listens is in the settings."""
    status: Mapped[CommitmentStatus] = mapped_column(_TEXT, default="waiting")
    asked_at: Mapped[datetime] = mapped_column(default=now)
    """When the clock began to run: at the request, and again when it is repeated or retried."""
    decided_at: Mapped[datetime | None]
    """When it was first known of every instance what to report."""
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    next_attempt_at: Mapped[datetime] = mapped_column(default=now)
    reported_at: Mapped[datetime | None]

    references: Mapped[list[CommitmentReference]] = relationship(
        back_populates="commitment", order_by="CommitmentReference.id", cascade="all, delete-orphan"
    )


class CommitmentReference(Base):
    """One instance of a request. `failure_reason` is a Failure Reason (0008,1197), set where it is `failed`."""

    __tablename__ = "commitment_reference"
    __table_args__ = (UniqueConstraint("commitment_id", "sop_instance_uid", "sop_class_uid"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    commitment_id: Mapped[int] = mapped_column(ForeignKey("commitment.id"), index=True)
    sop_class_uid: Mapped[str] = mapped_column(_UID)
    sop_instance_uid: Mapped[str] = mapped_column(_UID, index=True)
    status: Mapped[Literal["waiting", "committed", "failed"]] = mapped_column(_TEXT, default="waiting")
    failure_reason: Mapped[int | None]

    commitment: Mapped[Commitment] = relationship(back_populates="references")
