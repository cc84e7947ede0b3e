"""The table of what people said of the AI's results."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.columns import Base, now

_TEXT = String(64)
_UID = String(64)


class FeedbackRow(Base):
    """One person's word on one finding, or on the whole study where both UIDs are None; append-only.

    `model_version` is that of the model that read what it is about.
    """

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("author", "idempotency_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    generation: Mapped[int]
    model_version: Mapped[str | None] = mapped_column(_TEXT)
    sop_instance_uid: Mapped[str | None] = mapped_column(_UID)
    tracking_uid: Mapped[str | None] = mapped_column(_UID)
    verdict: Mapped[str] = mapped_column(_TEXT)
    comment: Mapped[str]
    author: Mapped[str] = mapped_column(_TEXT)
    role: Mapped[str] = mapped_column(_TEXT)
    idempotency_key: Mapped[str] = mapped_column(_TEXT)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
