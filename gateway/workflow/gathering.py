"""Gather: wait until a study is complete, then freeze the generation and hand it to processing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import AssociationRecord, Instance, Study, StudyFlag
from gateway.workflow.clock_watch import ClockWatch
from gateway.workflow.completeness import is_ready_but_for_settling, judge
from gateway.workflow.destinations import forward_images
from gateway.workflow.events import tell
from gateway.workflow.jobs import Jobs


class Gathering:
    """The step of the gather job; safe to run twice."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        *,
        settle_seconds: float,
        quiet_seconds: float,
        forward_to: Sequence[str] = (),
        clock: ClockWatch | None = None,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._settle = settle_seconds
        self._quiet = quiet_seconds
        self._forward_to = tuple(forward_to)
        self._clock = clock or ClockWatch()

    def look(self, study_uid: str, generation: int) -> float:
        """Freeze the generation when it is complete and return 0; otherwise return after how many seconds to look."""
        with self._database.write() as session:
            study = session.scalars(
                select(Study).where(Study.study_instance_uid == study_uid).with_for_update()
            ).one_or_none()
            if study is None or study.gathering != generation:
                return 0.0  # forgotten, or frozen by an earlier run of this step
            _bring_back(session, study, self._clock.look())
            verdict = judge(session, study, self._clock.since, self._settle, self._quiet)
            if not verdict.ready:
                return verdict.wait_seconds
            self._freeze(session, study, generation, verdict.missing_views)
        return 0.0

    def _freeze(self, session: Session, study: Study, generation: int, missing: tuple[str, ...]) -> None:
        """Assign what has come to the generation and enqueue its processing, in the caller's transaction."""
        for instance in session.scalars(
            select(Instance).where(Instance.study_id == study.id, Instance.generation.is_(None))
        ):
            instance.generation = generation
        study.generation = generation
        study.gathering = None
        study.run = 1
        study.status = "queued"
        study.frozen_at = now()
        study.missing_views = {"views": list(missing)}
        _flag_missing(session, study, generation, missing)
        forward_images(session, self._jobs, study, self._forward_to)
        tell(session, "study_queued", study)
        self._jobs.process(session, study.study_instance_uid, generation, study.run)


def _bring_back(session: Session, study: Study, moment: datetime) -> None:
    """Bring times to come back to the present: the clock was set back, and would hold the study up until they come."""
    if study.last_received_at > moment:
        study.last_received_at = moment
    unfrozen = select(Instance.association_id).where(Instance.study_id == study.id, Instance.generation.is_(None))
    session.execute(
        update(AssociationRecord)
        .where(AssociationRecord.id.in_(unfrozen), AssociationRecord.closed_at > moment)
        .values(closed_at=moment)
        .execution_options(synchronize_session=False)
    )


def _flag_missing(session: Session, study: Study, generation: int, missing: tuple[str, ...]) -> None:
    """Say which standard views this generation lacks; what was said of an earlier one is over."""
    session.execute(delete(StudyFlag).where(StudyFlag.study_id == study.id, StudyFlag.generation.is_not(None)))
    if missing:
        are = "is" if len(missing) == 1 else "are"
        session.add(StudyFlag(study_id=study.id, text=f"{', '.join(missing)} {are} missing.", generation=generation))


def open_generation(session: Session, jobs: Jobs, study: Study, delay_seconds: float) -> int:
    """Begin a new generation of a study without waiting for another instance; returns its number."""
    if study.gathering is None:
        study.gathering = study.generation + 1
        jobs.gather(session, study.study_instance_uid, study.gathering, delay_seconds)
    return study.gathering


def let_settle(database: Database, jobs: Jobs, study_ids: Collection[int], delay_seconds: float) -> None:
    """Have those of the studies that have all their views, and nobody still sending, looked at after the delay."""
    with database.read() as session:
        ready = [
            (study.study_instance_uid, study.gathering)
            for study in session.scalars(select(Study).where(Study.id.in_(study_ids)))
            if study.gathering is not None and is_ready_but_for_settling(session, study)
        ]
    for study_uid, generation in ready:
        jobs.hurry_gather(study_uid, generation, delay_seconds)


def count_unfrozen(session: Session, study: Study) -> int:
    """Return how many instances wait for their generation to be frozen."""
    counted = session.scalar(
        select(func.count()).select_from(Instance).where(Instance.study_id == study.id, Instance.generation.is_(None))
    )
    return counted or 0
