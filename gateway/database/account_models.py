"""Tables of people: users, sessions, tokens, failed logins, and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.columns import Base, now

UserRole = Literal["doctor", "radiologist", "admin", "operator", "uploader"]
_TEXT = String(64)


class User(Base):
    """A local user; `password_hash` is argon2id."""

    __tablename__ = "user_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_TEXT, unique=True)
    role: Mapped[UserRole] = mapped_column(_TEXT)
    password_hash: Mapped[str]
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class LoginSession(Base):
    """A cookie session; only the SHA-256 of its secret is kept."""

    __tablename__ = "login_session"
    secret_sha256: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    device: Mapped[str] = mapped_column(String(256), default="")


class ApiToken(Base):
    """A bearer token; only the SHA-256 of its secret is kept."""

    __tablename__ = "api_token"
    secret_sha256: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    may_upload: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class FailedLogin(Base):
    """A failed login, for the lockout; rows older than the lockout window mean nothing."""

    __tablename__ = "failed_login"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_TEXT, index=True)
    address: Mapped[str] = mapped_column(_TEXT, index=True)
    at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Base):
    """Who did what to which study, append-only."""

    __tablename__ = "audit_entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(_TEXT)
    study_instance_uid: Mapped[str | None] = mapped_column(_TEXT)
    outcome: Mapped[str] = mapped_column(_TEXT, default="ok")
    detail: Mapped[dict[str, Any] | None]
