"""The end of an upload: its note goes to the studies, the audit trail has what came of it."""

from __future__ import annotations

from collections import Counter

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.account_models import AuditEntry
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Study
from gateway.database.upload_models import ClinicalNote, Upload

log = structlog.get_logger(__name__)


def conclude(database: Database, upload_id: str) -> None:
    """Mark an upload as done, in one transaction with its note and its lines in the audit trail. Twice does no harm."""
    with database.write() as session:
        row = session.scalars(select(Upload).where(Upload.id == upload_id).with_for_update()).one_or_none()
        if row is None or row.status != "storing":
            return
        stored, refused = settle(session, row)
    log.info("upload.done", upload=upload_id, stored=stored, refused=refused)


def settle(session: Session, row: Upload) -> tuple[int, int]:
    """Mark the upload as done, with its note and its lines in the audit trail; return how many were stored, refused."""
    stored = Counter(item.study_instance_uid for item in row.items if item.study_instance_uid)
    studies = session.scalars(select(Study).where(Study.study_instance_uid.in_(stored)).order_by(Study.id)).all()
    for study in studies:
        _keep_note(session, row, study)
    for uid, images in stored.items():
        session.add(_audit(row, "ok", f"{images} stored", uid))
    refused = sum(item.verdict == "refused" for item in row.items)
    if refused:
        session.add(_audit(row, "refused", f"{refused} refused"))
    row.status, row.problem, row.touched_at = "done", None, now()
    row.note_age = row.note_reason = row.note_history = None
    return stored.total(), refused


def _keep_note(session: Session, row: Upload, study: Study) -> None:
    if row.note_age is None and row.note_reason is None and row.note_history is None:
        return
    session.add(
        ClinicalNote(
            study_id=study.id,
            upload_id=row.id,
            author=row.owner,
            written_at=row.created_at,
            age=row.note_age,
            reason=row.note_reason,
            history=row.note_history,
        )
    )


def _audit(row: Upload, outcome: str, detail: str, study_uid: str | None = None) -> AuditEntry:
    return AuditEntry(
        actor=row.owner,
        action="upload",
        study_instance_uid=study_uid,
        outcome=outcome,
        detail={"address": row.address, "detail": f"{detail}, upload {row.id}"},
    )
