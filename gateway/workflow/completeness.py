"""When a study counts as complete: its views, its associations, and how long nothing has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.models import AssociationRecord, Instance, Study

STANDARD_VIEWS: tuple[tuple[str, str], ...] = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


@dataclass(frozen=True)
class Verdict:
    """`wait_seconds` is 0 when the generation can be frozen now, otherwise when to look again."""

    wait_seconds: float
    missing_views: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether the generation can be frozen now."""
        return self.wait_seconds <= 0


def missing_views(session: Session, study: Study) -> tuple[str, ...]:
    """Return the standard views that have not come, e.g. ("R CC",)."""
    rows = session.execute(
        select(Instance.laterality, Instance.view)
        .where(Instance.study_id == study.id, Instance.is_standard)
        .distinct()  # a study of thousands of images must not come into memory as a whole
    )
    have = {(laterality, view) for laterality, view in rows}
    return tuple(f"{laterality} {view}" for laterality, view in STANDARD_VIEWS if (laterality, view) not in have)


def is_ready_but_for_settling(session: Session, study: Study) -> bool:
    """Say whether all standard views are in and nobody is still sending."""
    return not missing_views(session, study) and _last_closed(session, study) is not None


def judge(
    session: Session, study: Study, since: Callable[[datetime], float], settle_seconds: float, quiet_seconds: float
) -> Verdict:
    """Say whether the generation that is being gathered is complete, or when to look again.

    Complete: all four standard views are there and the associations that carried them have been closed for the
    settling time; or nothing has come for the quiet time, whatever is missing and whoever is still connected.
    `since` says how many seconds ago a moment was.
    """
    missing = missing_views(session, study)
    quiet_left = quiet_seconds - since(study.last_received_at)
    if missing:
        return Verdict(max(0.0, quiet_left), missing)
    closed = _last_closed(session, study)
    settle_left = settle_seconds if closed is None else settle_seconds - since(closed)
    return Verdict(max(0.0, min(settle_left, quiet_left)), missing)


def _last_closed(session: Session, study: Study) -> datetime | None:
    """Return when the last association of the instances not yet frozen was closed; None while one is open."""
    closings = session.scalars(
        select(AssociationRecord.closed_at)
        .join(Instance, Instance.association_id == AssociationRecord.id)
        .where(Instance.study_id == study.id, Instance.generation.is_(None))
        .distinct()
    ).all()
    if any(closing is None for closing in closings):
        return None
    return max((closing for closing in closings if closing is not None), default=study.last_received_at)
