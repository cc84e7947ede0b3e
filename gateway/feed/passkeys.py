"""Passkeys in the gateway's tables."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from gateway.database import account_models as rows
from gateway.database.engine import Database
from gateway.feed.availability import reading, writing
from reporting.feed.login_stores import KeptPasskey, PasskeyExistsError


class Passkeys:
    """Implements `reporting.feed.login_stores.PasskeyStore`."""

    _database: Database

    def passkeys(self, user_name: str) -> Sequence[KeptPasskey]:
        wanted = _WITH_USER.where(rows.User.name == user_name).order_by(rows.Passkey.id)
        with reading(self._database) as session:
            return [_kept(row, name) for row, name in session.execute(wanted)]

    def passkey(self, credential_id: bytes) -> KeptPasskey | None:
        wanted = _WITH_USER.where(rows.Passkey.credential_sha256 == _sha256(credential_id))
        with reading(self._database) as session:
            found = session.execute(wanted).one_or_none()
            return None if found is None else _kept(*found)

    def add_passkey(self, passkey: KeptPasskey) -> int:
        with writing(self._database) as session:
            user_id = session.scalars(select(rows.User.id).where(rows.User.name == passkey.user_name)).one()
            row = rows.Passkey(
                user_id=user_id,
                credential_sha256=_sha256(passkey.credential_id),
                credential_id=passkey.credential_id,
                public_key=passkey.public_key,
                sign_count=passkey.sign_count,
                user_handle=passkey.user_handle,
                name=passkey.name,
                created_at=passkey.created_at,
            )
            session.add(row)
            try:
                session.flush()
            except IntegrityError as error:
                raise PasskeyExistsError from error
            return row.id

    def passkey_used(self, passkey_id: int, *, was: int, sign_count: int, at: datetime) -> bool:
        with writing(self._database) as session:
            used = session.scalar(
                update(rows.Passkey)
                .where(rows.Passkey.id == passkey_id, rows.Passkey.sign_count == was)
                .values(sign_count=sign_count, last_used_at=at)
                .returning(rows.Passkey.id)
            )
            return used is not None

    def remove_passkey(self, passkey_id: int, user_name: str) -> str | None:
        owner = select(rows.User.id).where(rows.User.name == user_name).scalar_subquery()
        with writing(self._database) as session:
            return session.scalar(
                delete(rows.Passkey)
                .where(rows.Passkey.id == passkey_id, rows.Passkey.user_id == owner)
                .returning(rows.Passkey.name)
            )


_WITH_USER = select(rows.Passkey, rows.User.name).join(rows.User, rows.User.id == rows.Passkey.user_id)


def _sha256(credential_id: bytes) -> str:
    return hashlib.sha256(credential_id).hexdigest()


def _kept(row: rows.Passkey, user_name: str) -> KeptPasskey:
    return KeptPasskey(
        id=row.id,
        user_name=user_name,
        credential_id=row.credential_id,
        public_key=row.public_key,
        sign_count=row.sign_count,
        user_handle=row.user_handle,
        name=row.name,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
