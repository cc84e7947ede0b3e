"""What operators are told of retention: how many images are deleted, when and why, and what keeps the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Instance, Study
from gateway.retention.conditions import old_studies, open_matter, unread_image

_LOOKED_AT = 500


@dataclass(frozen=True)
class Census:
    """The images of the whole gateway."""

    deleted: int
    """How many were deleted by age so far."""
    old: int
    """How many are here that are old enough to go."""
    open_matters: Counter[str]
    """What keeps them, and how many each; of the oldest 500 studies. What is in none of these waits for its turn."""


def images_of(database: Database, study_uid: str) -> Iterator[str]:
    """Yield sentences on the images of a study: how many are here, and how many were deleted when and why."""
    with database.read() as session:
        of_study = select(Instance).join(Study).where(Study.study_instance_uid == study_uid)
        instances = session.scalars(of_study).all()
    deleted: dict[tuple[str, str], int] = Counter(
        (f"{item.deleted_at:%Y-%m-%d}", item.deleted_because or "") for item in instances if item.deleted_at is not None
    )
    here = len(instances) - sum(deleted.values())
    if here or not instances:
        yield f"{here} of {len(instances)} here"
    for (day, because), count in sorted(deleted.items()):
        yield f"{count} of {len(instances)} deleted here on {day}: {because}"


def census(database: Database, age: timedelta) -> Census:
    """Count what was deleted, and what is kept although it is older than `age`."""
    oldest: datetime = now() - age
    kept: Counter[str] = Counter()
    with database.read() as session:
        deleted = session.scalar(select(func.count(Instance.id)).where(Instance.deleted_at.is_not(None))) or 0
        in_old = select(func.count(Instance.id)).join(Study).where(old_studies(oldest), Instance.deleted_at.is_(None))
        old = session.scalar(in_old) or 0
        for study in session.scalars(select(Study).where(old_studies(oldest)).order_by(Study.id).limit(_LOOKED_AT)):
            matter = open_matter(session, study, oldest)
            for instance in study.instances:
                if instance.deleted_at is None and (reason := matter or unread_image(session, study, instance)):
                    kept[reason] += 1
    return Census(deleted, old, kept)
