"""Forget: erase everything that the gateway holds of a study, and leave a line in the audit trail."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.database.account_models import AuditEntry
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.database.engine import Database
from gateway.database.feedback_models import FeedbackRow
from gateway.database.models import (
    DeadLetter,
    Delivery,
    Duplicate,
    FeedEvent,
    Instance,
    Quarantined,
    Reading,
    Report,
    Study,
    StudyFlag,
)
from gateway.database.upload_models import ClinicalNote, Upload, UploadItem
from gateway.folders import Folders
from gateway.workflow.events import append
from gateway.workflow.jobs import Jobs
from gateway.workflow.retrying import locked_study


def forget_study(database: Database, folders: Folders, jobs: Jobs, study_uid: str, actor: str) -> int:
    """Erase rows, files and jobs of the study; return how many files were removed.

    Rows go first: a file without a row is removed by the next sweep of strays, whatever happens in between.

    Raises:
        UnknownStudy: there is no such study.

    """
    prefixes = [f"{queue}:{study_uid}:" for queue in ("gather", "process", "deliver", "push")]
    jobs.forget(prefixes)
    with database.write() as session:
        study = locked_study(session, study_uid)
        instance_ids = [instance.id for instance in study.instances]
        duplicates = session.scalars(
            select(Duplicate).where(
                Duplicate.instance_id.in_(instance_ids) | (Duplicate.study_instance_uid == study_uid)
            )
        ).all()
        of_others = [duplicate for duplicate in duplicates if duplicate.study_instance_uid != study_uid]
        _set_aside(session, of_others)
        readings = session.scalars(select(Reading).where(Reading.study_id == study.id)).all()
        paths = [
            # The file of an image that was marked as deleted is still there when the process died at that moment.
            *(instance.path for instance in study.instances),
            *(instance.header_path for instance in study.instances if instance.header_path),
            *(duplicate.path for duplicate in duplicates if duplicate not in of_others),
            *(report.path for report in study.reports),
            *(reading.heat_map_path for reading in readings if reading.heat_map_path),
        ]
        _forget_commitments(session, [instance.sop_instance_uid for instance in study.instances])
        session.execute(delete(Duplicate).where(Duplicate.id.in_([duplicate.id for duplicate in duplicates])))
        _forget_uploads(session, study_uid)
        for table in (ClinicalNote, FeedbackRow, Delivery, Reading, DeadLetter, StudyFlag, Report, Instance):
            session.execute(delete(table).where(table.study_id == study.id))
        session.execute(delete(Study).where(Study.id == study.id))
        session.execute(delete(FeedEvent).where(FeedEvent.study_instance_uid == study_uid))
        append(session, "study_forgotten", study_uid, {})
        session.add(AuditEntry(actor=actor, action="forget", study_instance_uid=study_uid))
    # Once more: a generation may have been frozen, and its reading enqueued, while the rows were being deleted.
    jobs.forget(prefixes)
    there = [folders.root / path for path in paths if (folders.root / path).exists()]
    for file in there:
        file.unlink(missing_ok=True)
    # The folders go too, with whatever a reading that was just going on has left in them.
    for folder in (folders.reports, folders.readings, folders.headers, folders.pictures):
        shutil.rmtree(folder / study_uid, ignore_errors=True)
    database.scrub()
    return len(there)


def _forget_commitments(session: Session, sop_instance_uids: Sequence[str]) -> None:
    """Erase what was asked and answered about these instances; who still waits is told that we have them no longer."""
    asked = select(CommitmentReference.commitment_id).where(CommitmentReference.sop_instance_uid.in_(sop_instance_uids))
    over = select(Commitment).where(Commitment.status != "waiting", Commitment.id.in_(asked))
    for commitment in session.scalars(over.with_for_update()):
        session.delete(commitment)


def _forget_uploads(session: Session, study_uid: str) -> None:
    """Erase what became of uploads into this study: the names of their files may hold the patient's."""
    into = select(UploadItem.upload_id).where(UploadItem.study_instance_uid == study_uid)
    for upload in session.scalars(select(Upload).where(Upload.status == "done", Upload.id.in_(into))):
        session.delete(upload)
    session.execute(delete(UploadItem).where(UploadItem.study_instance_uid == study_uid))


def _set_aside(session: Session, duplicates: Sequence[Duplicate]) -> None:
    """Keep, in quarantine, objects of other studies that came under a UID of the study that is forgotten."""
    for duplicate in duplicates:
        session.add(
            Quarantined(
                path=duplicate.path,
                reason="It came under the SOP Instance UID of an image of another study, which was forgotten.",
                channel="dicom",
                peer_ae_title="",
                peer_address="",
                received_at=duplicate.received_at,
            )
        )
