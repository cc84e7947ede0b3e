"""The table of devices that want to be told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.columns import Base, now

_TEXT = String(64)


class PushSubscription(Base):
    """A browser that its user has switched messages on in (Push API); the keys are the browser's (RFC 8291)."""

    __tablename__ = "push_subscription"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    session_sha256: Mapped[str] = mapped_column(_TEXT)
    """The session in which it was switched on: when somebody ends that, the messages end too."""
    endpoint: Mapped[str]
    endpoint_sha256: Mapped[str] = mapped_column(_TEXT, unique=True)
    p256dh: Mapped[str] = mapped_column(String(128))
    auth: Mapped[str] = mapped_column(String(32))
    least_attention: Mapped[str] = mapped_column(_TEXT)
    device: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
