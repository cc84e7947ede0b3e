"""A number that changes whenever anybody may have lost access, so that open streams look again at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gateway.database.account_models import LoginSession
from gateway.database.models import Counter
from gateway.database.push_models import PushSubscription

_COUNTER = "revocation"


def note_revocation(session: Session) -> None:
    """Change the number, in the transaction that takes the access away."""
    changed = session.execute(
        update(Counter).where(Counter.name == _COUNTER).values(value=Counter.value + 1).returning(Counter.value)
    ).scalar_one_or_none()
    if changed is None:
        # Only a hand-made database lacks the row that the migration writes.
        session.add(Counter(name=_COUNTER, value=1))


def count_revocations(session: Session) -> int:
    return session.scalar(select(Counter.value).where(Counter.name == _COUNTER)) or 0


def end_sessions_of(session: Session, user_id: int, at: datetime) -> int:
    """End all open sessions of a user, in the caller's transaction; returns how many there were.

    Messages end too, also to devices whose session had ended by itself: these may be lost.
    """
    session.execute(delete(PushSubscription).where(PushSubscription.user_id == user_id))
    ended = session.execute(
        update(LoginSession)
        .where(LoginSession.user_id == user_id, LoginSession.ended_at.is_(None))
        .values(ended_at=at)
        .returning(LoginSession.device_id)
    ).all()
    note_revocation(session)
    return len(ended)
