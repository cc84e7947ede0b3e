"""Abandoned associations: left open by a receiving process that is gone. Nothing more comes from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, Select, func, select, update

from gateway.database.clock import database_now
from gateway.database.engine import Database
from gateway.database.models import AssociationRecord, Heartbeat, Instance
from gateway.heartbeat import alive
from gateway.workflow.gathering import let_settle
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)


def close_own(database: Database, jobs: Jobs, receiver: str) -> int:
    """Close what this receiver left open when it last ended, and have its studies settle; return how many."""
    return _close(database, jobs, AssociationRecord.receiver == receiver)


def close_of_the_dead(database: Database, jobs: Jobs) -> int:
    """Close what receivers left open that give no sign of life, and have its studies settle; return how many."""
    with database.read() as session:
        living = alive(session)
    return _close(database, jobs, AssociationRecord.receiver.not_in(living))


def _close(database: Database, jobs: Jobs, left: ColumnElement[bool]) -> int:
    open_ones = select(AssociationRecord.id).where(AssociationRecord.closed_at.is_(None), left)
    with database.read() as session:
        found = session.scalars(open_ones).all()
    if not found:
        return 0  # no write lock without need
    with database.write() as session:
        session.execute(
            update(AssociationRecord)
            .where(AssociationRecord.id.in_(found), AssociationRecord.closed_at.is_(None))
            .values(closed_at=_last_sign_of_life(database_now(session)))
            .execution_options(synchronize_session=False)
        )
        studies = set(session.scalars(_unfrozen_studies(found)))
    let_settle(database, jobs, studies, 0)
    log.warning("association.abandoned", associations=len(found), studies=len(studies))
    return len(found)


def _last_sign_of_life(moment: datetime) -> ColumnElement[datetime]:
    """When its receiver was last heard of: the settling time has run since then. `moment` where it never was."""
    seen = select(Heartbeat.seen_at).where(Heartbeat.executor_id == AssociationRecord.receiver).scalar_subquery()
    return func.coalesce(seen, moment)


def _unfrozen_studies(associations: Sequence[str]) -> Select[int]:
    return (
        select(Instance.study_id)
        .where(Instance.association_id.in_(associations), Instance.generation.is_(None))
        .distinct()
    )
