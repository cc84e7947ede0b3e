"""Tables of people: users, sessions, passkeys, tokens, failed and unfinished logins, and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.columns import Base, now

UserRole = Literal["doctor", "radiologist", "admin", "operator", "uploader"]
_TEXT = String(64)


class User(Base):
    """A user. `password_hash` is argon2id; empty for one of the hospital's accounts, who has issuer and subject."""

    __tablename__ = "user_account"
    __table_args__ = (Index("ix_user_account_oidc", "oidc_issuer", "oidc_subject", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_TEXT, unique=True)
    role: Mapped[UserRole] = mapped_column(_TEXT)
    password_hash: Mapped[str]
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    oidc_issuer: Mapped[str | None] = mapped_column(String(512))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))


class LoginSession(Base):
    """A cookie session, which people know as a device; only the SHA-256 of its secret is kept."""

    __tablename__ = "login_session"
    secret_sha256: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    device: Mapped[str] = mapped_column(String(256), default="")
    device_id: Mapped[str] = mapped_column(_TEXT, unique=True, default=lambda: uuid4().hex)
    """Names it to people; no secret."""
    address: Mapped[str] = mapped_column(_TEXT, default="")


class Passkey(Base):
    """A passkey (WebAuthn credential): its public key, and how often it says that it was used."""

    __tablename__ = "passkey"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    credential_sha256: Mapped[str] = mapped_column(_TEXT, unique=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    user_handle: Mapped[bytes] = mapped_column(LargeBinary)
    """What authenticators know the user by: random, the same for all passkeys of a user."""
    name: Mapped[str] = mapped_column(_TEXT)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]


class PendingLogin(Base):
    """A login or registration between its two steps, for one browser and one use."""

    __tablename__ = "pending_login"
    secret_sha256: Mapped[str] = mapped_column(_TEXT, primary_key=True)
    kind: Mapped[str] = mapped_column(_TEXT)
    data: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime] = mapped_column(index=True)


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
