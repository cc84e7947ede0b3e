"""Devices: the open sessions, as people see and revoke them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from gateway.database import account_models as rows
from gateway.database.engine import Database
from gateway.database.push_models import PushSubscription
from gateway.feed.availability import reading, writing
from gateway.feed.revocations import count_revocations, note_revocation
from reporting.feed.login_stores import Device


class Devices:
    """Implements `reporting.feed.login_stores.DeviceStore`."""

    _database: Database

    def devices(self, user_name: str | None) -> Sequence[Device]:
        wanted = (
            select(rows.LoginSession, rows.User.name)
            .join(rows.User, rows.User.id == rows.LoginSession.user_id)
            .where(rows.LoginSession.ended_at.is_(None), rows.User.disabled.is_(False))
        )
        if user_name is not None:
            wanted = wanted.where(rows.User.name == user_name)
        with reading(self._database) as session:
            return [
                Device(
                    id=row.device_id,
                    user_name=name,
                    agent=row.device,
                    address=row.address,
                    opened_at=row.created_at,
                    last_seen_at=row.last_used_at,
                    key=row.secret_sha256,
                )
                for row, name in session.execute(wanted)
            ]

    def revoke_device(self, device_id: str, user_name: str | None, at: datetime) -> str | None:
        owner = select(rows.User.name).where(rows.User.id == rows.LoginSession.user_id).scalar_subquery()
        wanted = update(rows.LoginSession).where(
            rows.LoginSession.device_id == device_id, rows.LoginSession.ended_at.is_(None)
        )
        if user_name is not None:
            wanted = wanted.where(owner == user_name)
        with writing(self._database) as session:
            ended = session.execute(
                wanted.values(ended_at=at).returning(rows.LoginSession.user_id, rows.LoginSession.secret_sha256)
            ).one_or_none()
            if ended is None:
                return None
            user_id, secret_sha256 = ended
            session.execute(delete(PushSubscription).where(PushSubscription.session_sha256 == secret_sha256))
            note_revocation(session)
            return session.get_one(rows.User, user_id).name

    def revocations(self) -> int:
        with reading(self._database) as session:
            return count_revocations(session)
