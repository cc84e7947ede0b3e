"""Making users and tokens: what the command line does with accounts."""

from __future__ import annotations

from sqlalchemy import select, update

from gateway.database.account_models import ApiToken, AuditEntry, LoginSession, User, UserRole
from gateway.database.columns import now
from gateway.database.engine import Database
from reporting.feed.credentials import Passwords, digest, new_token

_NAME_LENGTH = 64


class UserExists(Exception):
    """There is a user of this name already."""


class UnknownUser(Exception):
    """There is no user of this name."""


def add_user(database: Database, name: str, role: UserRole, password: str, actor: str) -> None:
    """Make a local user.

    Raises:
        UserExists: the name is taken.
        ValueError: the name is empty, longer than 64 characters or has blanks around it, or the password is shorter
            than 12 characters.

    """
    if not 1 <= len(name) <= _NAME_LENGTH or name != name.strip():
        raise ValueError(f"a user's name has 1 to {_NAME_LENGTH} characters and no blanks around it")
    password_hash = Passwords().hash(password)
    with database.write() as session:
        if session.scalar(select(User.id).where(User.name == name)) is not None:
            raise UserExists(f"there is a user {name} already: choose another name")
        session.add(User(name=name, role=role, password_hash=password_hash))
        session.add(AuditEntry(actor=actor, action="user_added", detail={"user": name, "role": role}))


def set_password(database: Database, name: str, password: str, actor: str) -> None:
    """Give a user a new password and end all sessions that the old one opened.

    Raises:
        UnknownUser: there is no such user.
        ValueError: the password is shorter than 12 characters.

    """
    password_hash = Passwords().hash(password)
    with database.write() as session:
        user = session.scalars(select(User).where(User.name == name)).one_or_none()
        if user is None:
            raise UnknownUser(f"there is no user {name}: see `mammogate user add`")
        user.password_hash = password_hash
        session.execute(
            update(LoginSession)
            .where(LoginSession.user_id == user.id, LoginSession.ended_at.is_(None))
            .values(ended_at=now())
        )
        session.add(AuditEntry(actor=actor, action="password_set", detail={"user": name}))


def add_token(database: Database, user_name: str, actor: str, *, may_upload: bool = False) -> str:
    """Make a token that acts as the user and return it; it is shown this once, only its digest is kept.

    `may_upload` adds the right to upload to what the user's role may do.

    Raises:
        UnknownUser: there is no such user.

    """
    token = new_token()
    with database.write() as session:
        user_id = session.scalar(select(User.id).where(User.name == user_name))
        if user_id is None:
            raise UnknownUser(f"there is no user {user_name}: make one with `mammogate user add`")
        session.add(ApiToken(secret_sha256=digest(token), user_id=user_id, may_upload=may_upload))
        session.add(AuditEntry(actor=actor, action="token_added", detail={"user": user_name, "may_upload": may_upload}))
    return token
