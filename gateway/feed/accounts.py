"""Users, sessions, tokens, failed logins and the audit trail for the feed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session as Transaction

from gateway.database import account_models as rows
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.feed.availability import reading, writing
from gateway.feed.devices import Devices
from gateway.feed.passkeys import Passkeys
from gateway.feed.pending_logins import PendingLogins
from gateway.feed.revocations import note_revocation
from reporting.feed.stores import AuditEntry, LoginAttempt, LoginLimits, Session, Token, User

_NOTE_TOKEN_USE_EVERY = timedelta(minutes=5)
_ADDRESS_LENGTH = 64
# Any number, as long as nobody else uses it for an advisory lock in this database.
_LOGIN_LOCK = 72_616_002


class Accounts(Devices, Passkeys, PendingLogins):
    """Implements `reporting.feed.stores.Accounts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def user(self, name: str) -> User | None:
        with reading(self._database) as session:
            row = session.scalars(select(rows.User).where(rows.User.name == name)).one_or_none()
            return None if row is None else _user(row)

    def replace_password_hash(self, name: str, password_hash: str) -> None:
        with writing(self._database) as session:
            session.execute(update(rows.User).where(rows.User.name == name).values(password_hash=password_hash))

    def open_session(self, digest: str, user_name: str, opened_at: datetime, device: str, address: str = "") -> None:
        with writing(self._database) as session:
            session.add(
                rows.LoginSession(
                    secret_sha256=digest,
                    user_id=session.scalars(select(rows.User.id).where(rows.User.name == user_name)).one(),
                    created_at=opened_at,
                    last_used_at=opened_at,
                    device=device[:256],
                    address=address[:_ADDRESS_LENGTH],
                )
            )

    def session(self, digest: str) -> Session | None:
        with reading(self._database) as session:
            found = session.execute(
                select(rows.LoginSession, rows.User)
                .join(rows.User, rows.User.id == rows.LoginSession.user_id)
                .where(rows.LoginSession.secret_sha256 == digest, rows.LoginSession.ended_at.is_(None))
            ).one_or_none()
            if found is None:
                return None
            login, user = found
            return Session(_user(user), login.created_at, login.last_used_at)

    def touch_session(self, digest: str, at: datetime) -> None:
        with writing(self._database) as session:
            session.execute(
                update(rows.LoginSession).where(rows.LoginSession.secret_sha256 == digest).values(last_used_at=at)
            )

    def close_session(self, digest: str) -> None:
        with writing(self._database) as session:
            ended = session.scalar(
                update(rows.LoginSession)
                .where(rows.LoginSession.secret_sha256 == digest, rows.LoginSession.ended_at.is_(None))
                .values(ended_at=now())
                .returning(rows.LoginSession.device_id)
            )
            if ended is not None:
                note_revocation(session)

    def token(self, digest: str) -> Token | None:
        with reading(self._database) as session:
            found = session.execute(
                select(rows.ApiToken, rows.User)
                .join(rows.User, rows.User.id == rows.ApiToken.user_id)
                .where(rows.ApiToken.secret_sha256 == digest, rows.ApiToken.revoked_at.is_(None))
            ).one_or_none()
            if found is None:
                return None
            token, user = found
        moment = now()
        if token.last_used_at is None or moment - token.last_used_at >= _NOTE_TOKEN_USE_EVERY:
            with writing(self._database) as session:
                session.execute(
                    update(rows.ApiToken).where(rows.ApiToken.secret_sha256 == digest).values(last_used_at=moment)
                )
        return Token(_user(user), may_upload=token.may_upload)

    def begin_login(self, attempt: LoginAttempt, limits: LoginLimits) -> timedelta | None:
        address = attempt.address[:_ADDRESS_LENGTH]
        failures = rows.FailedLogin
        with writing(self._database) as session:
            _one_login_at_a_time(session, self._database)
            session.execute(delete(failures).where(failures.at <= attempt.at - limits.window))
            recent = session.execute(
                select(failures.name, failures.at).where(failures.address == address).order_by(failures.at)
            ).all()
            same = [at for name, at in recent if name == attempt.subject]
            # Free again when enough of them have grown old for one more to fit.
            free_at = [
                moments[len(moments) - limit] + limits.window
                for moments, limit in ((same, limits.per_subject), ([at for _, at in recent], limits.per_address))
                if len(moments) >= limit
            ]
            if free_at:
                return max(free_at) - attempt.at
            session.add(failures(name=attempt.subject, address=address, at=attempt.at))
            return None

    def login_succeeded(self, attempt: LoginAttempt) -> None:
        with writing(self._database) as session:
            session.execute(
                delete(rows.FailedLogin).where(
                    rows.FailedLogin.name == attempt.subject,
                    rows.FailedLogin.address == attempt.address[:_ADDRESS_LENGTH],
                )
            )

    def audit(self, entry: AuditEntry) -> None:
        detail = {"address": entry.address}
        if entry.detail:
            detail["detail"] = entry.detail
        with writing(self._database) as session:
            session.add(
                rows.AuditEntry(
                    at=entry.at,
                    actor=entry.user or "unknown",
                    action=entry.action,
                    study_instance_uid=entry.study_instance_uid,
                    outcome=entry.outcome,
                    detail=detail,
                )
            )


def _user(row: rows.User) -> User:
    return User(row.name, row.role, row.password_hash, active=not row.disabled)


def _one_login_at_a_time(session: Transaction, database: Database) -> None:
    # SQLite writes one at a time anyway; elsewhere two attempts would each count before the other's row is visible.
    if not database.is_sqlite:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOGIN_LOCK})
