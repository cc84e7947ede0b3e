"""Telling the feed that a study changed; the numbers have no gaps and commit in their order."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.database.columns import now
from gateway.database.models import Counter, FeedEvent, Study
from gateway.database.synthetic_models import is_synthetic

EventKind = Literal[
    "study_queued", "study_processing", "study_reported", "study_failed", "study_flagged", "delivery", "study_forgotten"
]
_COUNTER = "feed_event"


def tell(session: Session, kind: EventKind, study: Study) -> None:
    """Append an event of the study. Carries no patient data: whoever hears it asks for the study."""
    study.updated_at = now()
    append(
        session,
        kind,
        study.study_instance_uid,
        {"status": study.status, "generation": study.generation, "attention": study.attention},
    )


def append(session: Session, kind: EventKind, study_uid: str, data: dict[str, Any]) -> None:
    """Append an event. The counter's row stays locked until the caller commits, so nobody sees 8 before 7.

    Nobody hears of a study that we have made.
    """
    if is_synthetic(session, study_uid):
        return
    drawn = session.execute(
        update(Counter).where(Counter.name == _COUNTER).values(value=Counter.value + 1).returning(Counter.value)
    ).scalar_one_or_none()
    if drawn is None:
        # Only a restored or hand-made database lacks the row that the first migration writes.
        drawn = (session.scalar(select(FeedEvent.number).order_by(FeedEvent.number.desc()).limit(1)) or 0) + 1
        session.add(Counter(name=_COUNTER, value=drawn))
    session.add(FeedEvent(number=drawn, kind=kind, study_instance_uid=study_uid, data=data, at=now()))
    session.flush()
