"""What has to be settled about a study, and about one image of it, before the image may be deleted here.

Who else has the image is asked in `gateway/retention/witnesses.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.database.models import DeadLetter, Delivery, Duplicate, Instance, Reading, Study


def old_studies(oldest: datetime) -> ColumnElement[bool]:
    """Return the condition for a reported study of which nothing has come since `oldest`, with an image still here."""
    of_study = select(Instance.id).where(Instance.study_id == Study.id, Instance.deleted_at.is_(None))
    image_here = of_study.correlate(Study).exists()
    # In SQL what `open_matter` asks first, so that most studies are never loaded.
    return (Study.status == "reported") & Study.gathering.is_(None) & (Study.last_received_at < oldest) & image_here


def open_matter(session: Session, study: Study, oldest: datetime) -> str | None:
    """Return what is open about the study, as words that follow "kept, since"; None: its images may go.

    `oldest`: when the last image must have come at the latest. Call it in the transaction that deletes, with the
    study's row locked: whatever else arrives or is started for the study locks that row too.
    """
    return next(_open_matters(session, study, oldest), None)


def unread_image(session: Session, study: Study, instance: Instance) -> str | None:
    """Return why this one image is still needed: it could not be read, and `retry` would read it again."""
    failed = session.scalars(
        select(Reading)
        .where(Reading.instance_id == instance.id, Reading.study_id == study.id)
        .order_by(Reading.generation.desc())
    ).first()
    if failed is None or failed.result.get("failure") is None:
        return None
    return "an image could not be read, and can be tried again"


def _open_matters(session: Session, study: Study, oldest: datetime) -> Iterator[str]:
    if study.status != "reported":
        yield "the study is not reported"
    if study.gathering is not None:
        yield "more images of the study are being collected"
    if study.last_received_at >= oldest:
        yield "the last image came too short a while ago"
    for matter, question in _QUESTIONS.items():
        if session.scalar(question(study).limit(1)) is not None:
            yield matter


def _undelivered(study: Study) -> Select[int]:
    return select(Delivery.id).where(Delivery.study_id == study.id, Delivery.status != "delivered")


def _dead_letters(study: Study) -> Select[int]:
    return select(DeadLetter.id).where(DeadLetter.study_id == study.id, DeadLetter.resolved_at.is_(None))


def _duplicates(study: Study) -> Select[int]:
    of_its_images = Duplicate.instance_id.in_(select(Instance.id).where(Instance.study_id == study.id))
    # One that names this study may have come under a UID of another.
    concerned = or_(of_its_images, Duplicate.study_instance_uid == study.study_instance_uid)
    return select(Duplicate.id).where(concerned, Duplicate.status.in_(("waiting", "different")))


def _commitments(study: Study) -> Select[int]:
    # A request that comes while an image is deleted does no harm: it is answered on the archive's word alone.
    uids = select(Instance.sop_instance_uid).where(Instance.study_id == study.id)
    return (
        select(CommitmentReference.id)
        .join(Commitment)
        .where(Commitment.status == "waiting", CommitmentReference.sop_instance_uid.in_(uids))
    )


_QUESTIONS: dict[str, Callable[[Study], Select[int]]] = {
    "a delivery waits or has failed": _undelivered,
    "something failed for good": _dead_letters,
    "two objects came under one UID": _duplicates,
    "somebody waits for storage commitment": _commitments,
}
