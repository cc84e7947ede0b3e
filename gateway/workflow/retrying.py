"""Retry: start again what failed for good in a study."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gateway.commitment.recording import reopen
from gateway.database.columns import now
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.database.engine import Database
from gateway.database.models import DeadLetter, Delivery, Instance, Reading, Study
from gateway.workflow.events import tell
from gateway.workflow.gathering import open_generation
from gateway.workflow.jobs import Jobs


class UnknownStudy(Exception):
    """The gateway holds no study of this UID."""


def locked_study(session: Session, study_uid: str) -> Study:
    """The study's row, which nobody else changes until the session's transaction ends.

    Raises:
        UnknownStudy: there is no such study.

    """
    study = session.scalars(select(Study).where(Study.study_instance_uid == study_uid).with_for_update()).one_or_none()
    if study is None:
        raise UnknownStudy(f"there is no study {study_uid} here: see `mammogate studies`")
    return study


def retry_study(database: Database, jobs: Jobs, study_uid: str) -> int:
    """Start again what failed for good; return how many things that were (0: nothing had failed).

    A generation without reports is read again. One with reports stays as it is, since its reports are out: images
    that failed in it are read again in a new generation, unless they are deleted here. Failed deliveries are tried
    again, and so are reports on storage commitment that nobody took.

    Raises:
        UnknownStudy: there is no such study.

    """
    with database.write() as session:
        study = locked_study(session, study_uid)
        letters = session.scalars(
            select(DeadLetter).where(DeadLetter.study_id == study.id, DeadLetter.resolved_at.is_(None))
        ).all()
        started = len(letters)
        for letter in letters:
            letter.resolved_at = now()
        if study.status == "failed":
            _read_again(session, jobs, study)
            started = max(started, 1)
        elif study.status == "reported" and study.gathering is None and _can_be_read_again(session, study):
            open_generation(session, jobs, study, 0)
            started += 1
        return started + _deliver_again(session, jobs, study) + _commit_again(session, jobs, study)


def _read_again(session: Session, jobs: Jobs, study: Study) -> None:
    failed = _failed_images(session, study)
    session.execute(delete(Reading).where(Reading.id.in_(failed)))
    study.run += 1
    study.status = "queued"
    tell(session, "study_queued", study)
    jobs.process(session, study.study_instance_uid, study.generation, study.run)


def _failed_images(session: Session, study: Study) -> list[int]:
    readings = session.scalars(
        select(Reading).where(Reading.study_id == study.id, Reading.generation == study.generation)
    )
    return [reading.id for reading in readings if reading.result.get("failure") is not None]


def _can_be_read_again(session: Session, study: Study) -> bool:
    failed = select(Reading.instance_id).where(Reading.id.in_(_failed_images(session, study)))
    here = select(Instance.id).where(Instance.id.in_(failed), Instance.deleted_at.is_(None))
    return session.scalars(here).first() is not None


def _deliver_again(session: Session, jobs: Jobs, study: Study) -> int:
    owed = (Delivery.study_id == study.id, Delivery.status == "failed")
    pairs = session.execute(select(Delivery.generation, Delivery.destination).where(*owed).distinct()).all()
    count = len(session.scalars(select(Delivery.id).where(*owed)).all())
    moment = now()
    session.execute(update(Delivery).where(*owed).values(status="waiting", first_due_at=moment, next_attempt_at=moment))
    for generation, destination in pairs:
        attempt = f"retry{uuid4().hex[:8]}.1"
        jobs.deliver(session, study.study_instance_uid, generation, destination, attempt, 0)
    return count


def _commit_again(session: Session, jobs: Jobs, study: Study) -> int:
    """Answer again what was asked about instances of the study; the report speaks of the other studies' ones too."""
    in_study = select(Instance.sop_instance_uid).where(Instance.study_id == study.id)
    asked = select(CommitmentReference.commitment_id).where(CommitmentReference.sop_instance_uid.in_(in_study))
    failed = session.scalars(
        select(Commitment).where(Commitment.status == "failed", Commitment.id.in_(asked)).with_for_update()
    ).all()
    for commitment in failed:
        reopen(session, jobs, commitment)
    return len(failed)
