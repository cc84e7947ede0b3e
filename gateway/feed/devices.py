"""Devices: the open sessions, as people see and revoke them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

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
        wanted = (
            select(rows.LoginSession, rows.User.name).join(rows.User).where(rows.LoginSession.device_id == device_id)
        )
        if user_name is not None:
            wanted = wanted.where(rows.User.name == user_name)
        with writing(self._database) as session:
            found = session.execute(wanted).one_or_none()
            if found is None:
                return None
            login, name = found
            # One whose time was over may still be told of studies: a lost phone.
            told = session.execute(
                delete(PushSubscription)
                .where(PushSubscription.session_sha256 == login.secret_sha256)
                .returning(PushSubscription.id)
            ).all()
            if login.ended_at is not None and not told:
                return None
            if login.ended_at is None:
                login.ended_at = at
            note_revocation(session)
            return str(name)

    def revocations(self) -> int:
        with reading(self._database) as session:
            return count_revocations(session)
