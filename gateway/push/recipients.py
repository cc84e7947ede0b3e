"""Who is told of a study: devices that are switched on, of users who may read studies, as high as they asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import HttpSettings
from gateway.database.account_models import LoginSession, User
from gateway.database.models import Study
from gateway.database.push_models import PushSubscription
from gateway.workflow.jobs import Jobs
from reporting.feed.schemas import ATTENTION_ORDER, Attention


@dataclass(frozen=True)
class SessionLimits:
    """After what time a session ends by itself."""

    lifetime: timedelta
    idle: timedelta


def session_limits(http: HttpSettings) -> SessionLimits:
    """Return the limits that the settings give."""
    return SessionLimits(timedelta(hours=http.session_hours), timedelta(minutes=http.idle_minutes))


def is_risen(level: str, before: str, generation: int) -> bool:
    """Say whether there is news: the first result of a study, or one that asks for more attention than before."""
    return generation == 1 or _rank(level) < _rank(before)


def announce(session: Session, jobs: Jobs, roles: Collection[str], study: Study) -> int:
    """Enqueue a message for each device that wants one of this level; return how many. In the report's transaction."""
    level = study.attention
    wanted = session.scalars(
        select(PushSubscription.id)
        .join(User, User.id == PushSubscription.user_id)
        .where(
            User.disabled.is_(False),
            User.role.in_(tuple(roles)),
            PushSubscription.least_attention.in_([least for least in ATTENTION_ORDER if _rank(level) <= _rank(least)]),
        )
    ).all()
    for subscription_id in wanted:
        jobs.push(session, study.study_instance_uid, study.generation, subscription_id, 1, 0)
    return len(wanted)


def still_wants(
    session: Session, subscription_id: int, roles: Collection[str], limits: SessionLimits
) -> PushSubscription | None:
    """Return the subscription if its user may still be told; one that may not is removed.

    A session that ended by itself (its time was over) leaves the messages on; one that somebody ended, by logging
    out, revoking the device or changing the password, takes them along.
    """
    row = session.get(PushSubscription, subscription_id)
    if row is None:
        return None
    user = session.get(User, row.user_id)
    login = session.get(LoginSession, row.session_sha256)
    if user is None or user.disabled or user.role not in roles or was_ended(login, limits):
        session.delete(row)
        return None
    return row


def was_ended(login: LoginSession | None, limits: SessionLimits) -> bool:
    """Say whether somebody has ended the session, before its time was over."""
    if login is None:
        return True
    if login.ended_at is None:
        return False
    return login.ended_at < min(login.created_at + limits.lifetime, login.last_used_at + limits.idle)


def _rank(level: str) -> int:
    known: tuple[Attention, ...] = ATTENTION_ORDER
    return known.index(level) if level in known else len(known)
