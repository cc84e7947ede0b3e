"""What operators have to look at: work that failed for good, quarantine, flagged studies."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.database import models
from gateway.database.commitment_models import Commitment, CommitmentReference
from reporting.feed.operation_schemas import DeadLetter, FlaggedStudy, QuarantinedFile
from reporting.feed.stores import Listing


def dead_letters(session: Session, limit: int) -> Listing[DeadLetter]:
    """Return studies whose work failed for good, and deliveries that did: one line a study, generation, destination.

    Reports on storage commitment count among the deliveries; their destination is the AE that asked.
    """
    kinds = [kind(session, limit) for kind in (_failed_work, _failed_deliveries, _failed_commitments)]
    items = sorted(
        (item for found, _ in kinds for item in found), key=lambda item: (item.failed_at, item.study_instance_uid)
    )
    return Listing(items[:limit], sum(total for _, total in kinds))


def _failed_work(session: Session, limit: int) -> tuple[list[DeadLetter], int]:
    row = models.DeadLetter
    found = session.execute(
        select(models.Study.study_instance_uid, row)
        .join(models.Study, models.Study.id == row.study_id)
        .where(row.resolved_at.is_(None))
        .order_by(row.failed_at, row.id)
        .limit(limit)
    )
    items = [
        DeadLetter(
            study_instance_uid=uid,
            generation=letter.generation,
            stage=letter.step,
            destination=None,
            reason=letter.reason,
            failed_at=letter.failed_at,
        )
        for uid, letter in found
    ]
    return items, session.scalar(select(func.count()).select_from(row).where(row.resolved_at.is_(None))) or 0


def _failed_deliveries(session: Session, limit: int) -> tuple[list[DeadLetter], int]:
    row = models.Delivery
    # Objects of one study mostly fail together and for one reason; the row's next attempt was due when it last failed.
    failed_at = func.max(row.next_attempt_at)
    grouped = (
        select(
            models.Study.study_instance_uid,
            row.generation,
            row.action,
            row.destination,
            func.max(row.last_error),
            failed_at,
        )
        .join(models.Study, models.Study.id == row.study_id)
        .where(row.status == "failed")
        .group_by(models.Study.study_instance_uid, row.generation, row.action, row.destination)
    )
    found = session.execute(grouped.order_by(failed_at, models.Study.study_instance_uid).limit(limit))
    items = [
        DeadLetter(
            study_instance_uid=uid,
            generation=generation,
            stage="withdraw" if action == "withdraw" else "deliver",
            destination=destination,
            reason=reason or "No reason was given.",
            failed_at=moment,
        )
        for uid, generation, action, destination, reason, moment in found
    ]
    return items, session.scalar(select(func.count()).select_from(grouped.subquery())) or 0


def _failed_commitments(session: Session, limit: int) -> tuple[list[DeadLetter], int]:
    study = models.Study
    grouped = (
        select(
            study.study_instance_uid,
            study.generation,
            Commitment.requester_ae_title,
            func.max(Commitment.last_error),
            func.max(Commitment.next_attempt_at).label("failed_at"),
        )
        .join(models.Instance, models.Instance.study_id == study.id)
        .join(CommitmentReference, CommitmentReference.sop_instance_uid == models.Instance.sop_instance_uid)
        .join(Commitment, Commitment.id == CommitmentReference.commitment_id)
        .where(Commitment.status == "failed")
        .group_by(study.study_instance_uid, study.generation, Commitment.requester_ae_title)
    )
    found = session.execute(grouped.order_by("failed_at", study.study_instance_uid).limit(limit))
    items = [
        DeadLetter(
            study_instance_uid=uid,
            generation=max(1, generation),
            stage="commit",
            destination=requester,
            reason=reason or "No reason was given.",
            failed_at=moment,
        )
        for uid, generation, requester, reason, moment in found
    ]
    return items, session.scalar(select(func.count()).select_from(grouped.subquery())) or 0


def quarantine(session: Session, limit: int) -> Listing[QuarantinedFile]:
    """Return files that arrived and can't be instances, oldest first."""
    row = models.Quarantined
    found = session.scalars(select(row).order_by(row.received_at, row.id).limit(limit))
    items = [
        QuarantinedFile(
            id=str(file.id),
            received_at=file.received_at,
            reason=file.reason,
            channel=file.channel,
            peer_ae_title=file.peer_ae_title,
            peer_address=file.peer_address,
            announced_sop_instance_uid=file.announced_sop_instance_uid,
        )
        for file in found
    ]
    return Listing(items, session.scalar(select(func.count()).select_from(row)) or 0)


def flags(session: Session, limit: int) -> Listing[FlaggedStudy]:
    """Return studies with flags, those first whose newest flag is oldest."""
    row = models.StudyFlag
    newest = func.max(row.raised_at)
    found = session.execute(
        select(models.Study.id, models.Study.study_instance_uid, models.Study.status, newest)
        .join(row, row.study_id == models.Study.id)
        .group_by(models.Study.id, models.Study.study_instance_uid, models.Study.status)
        .order_by(newest, models.Study.study_instance_uid)
        .limit(limit)
    ).all()
    texts: dict[int, list[str]] = defaultdict(list)
    for flag in session.scalars(select(row).where(row.study_id.in_([one[0] for one in found])).order_by(row.id)):
        texts[flag.study_id].append(flag.text)
    items = [
        FlaggedStudy(study_instance_uid=uid, status=status, flags=tuple(texts[key]), flagged_at=moment)
        for key, uid, status, moment in found
    ]
    return Listing(items, session.scalar(select(func.count(row.study_id.distinct()))) or 0)
