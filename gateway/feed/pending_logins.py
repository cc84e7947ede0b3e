"""Logins between their two steps, and the users whom the hospital's provider vouches for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from gateway.database import account_models as rows
from gateway.database.engine import Database
from gateway.feed.availability import writing
from gateway.feed.revocations import note_revocation
from reporting.feed.login_stores import Identity, NameTakenError, PendingKind


class PendingLogins:
    """Implements `PendingStore` and `IdentityStore` of `reporting.feed.login_stores`."""

    _database: Database

    def keep_pending(self, digest: str, kind: PendingKind, data: Mapping[str, Any], until: datetime) -> None:
        row = rows.PendingLogin(secret_sha256=digest, kind=kind, data=dict(data), expires_at=until)
        with writing(self._database) as session:
            session.add(row)

    def take_pending(self, digest: str, kind: PendingKind, at: datetime) -> Mapping[str, Any] | None:
        pending = rows.PendingLogin
        with writing(self._database) as session:
            # One statement, so that of two who show the same secret one gets it.
            found = session.execute(
                delete(pending)
                .where(pending.secret_sha256 == digest, pending.kind == kind)
                .returning(pending.data, pending.expires_at)
            ).one_or_none()
            session.execute(delete(pending).where(pending.expires_at <= at))
            return None if found is None or found.expires_at <= at else dict(found.data)

    def user_of(self, identity: Identity) -> str:
        """Return the name of the account's user; the provider's role is theirs from now on."""
        try:
            with writing(self._database) as session:
                user = session.scalars(
                    select(rows.User)
                    .where(rows.User.oidc_issuer == identity.issuer, rows.User.oidc_subject == identity.subject)
                    .with_for_update()
                ).one_or_none()
                if user is None:
                    user = rows.User(
                        name=identity.name,
                        role=identity.role,
                        password_hash="",
                        oidc_issuer=identity.issuer,
                        oidc_subject=identity.subject,
                    )
                    session.add(user)
                    session.flush()
                    session.add(_audited("user_added", user, identity))
                elif user.role != identity.role:
                    user.role = identity.role
                    note_revocation(session)
                    session.add(_audited("role_changed", user, identity))
                return user.name
        except IntegrityError as error:
            raise NameTakenError from error


def _audited(action: str, user: rows.User, identity: Identity) -> rows.AuditEntry:
    detail = {"user": user.name, "role": identity.role}
    return rows.AuditEntry(actor=identity.issuer, action=action, detail=detail)
