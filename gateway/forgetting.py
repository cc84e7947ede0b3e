"""Forget: erase everything that the gateway holds of a study, and leave a line in the audit trail."""

from __future__ import annotations

import shutil

from sqlalchemy import delete, select

from gateway.database.account_models import AuditEntry
from gateway.database.engine import Database
from gateway.database.models import (
    DeadLetter,
    Delivery,
    Duplicate,
    FeedEvent,
    Instance,
    Reading,
    Report,
    Study,
    StudyFlag,
)
from gateway.folders import Folders
from gateway.workflow.events import append
from gateway.workflow.jobs import Jobs
from gateway.workflow.retrying import UnknownStudy


def forget_study(database: Database, folders: Folders, jobs: Jobs, study_uid: str, actor: str) -> int:
    """Erase rows, files and jobs of the study; return how many files were removed.

    Rows go first: a file without a row is removed by the next sweep of strays, whatever happens in between.

    Raises:
        UnknownStudy: there is no such study.

    """
    jobs.forget([f"{queue}:{study_uid}:" for queue in ("gather", "process", "deliver")])
    with database.write() as session:
        study = session.scalars(select(Study).where(Study.study_instance_uid == study_uid)).one_or_none()
        if study is None:
            raise UnknownStudy(f"there is no study {study_uid} here: see `mammogate studies`")
        instance_ids = [instance.id for instance in study.instances]
        duplicates = session.scalars(
            select(Duplicate).where(
                Duplicate.instance_id.in_(instance_ids) | (Duplicate.study_instance_uid == study_uid)
            )
        ).all()
        readings = session.scalars(select(Reading).where(Reading.study_id == study.id)).all()
        paths = [
            *(instance.path for instance in study.instances),
            *(duplicate.path for duplicate in duplicates),
            *(report.path for report in study.reports),
            *(reading.heat_map_path for reading in readings if reading.heat_map_path),
        ]
        session.execute(delete(Duplicate).where(Duplicate.id.in_([duplicate.id for duplicate in duplicates])))
        for table in (Delivery, Reading, DeadLetter, StudyFlag, Report, Instance):
            session.execute(delete(table).where(table.study_id == study.id))
        session.execute(delete(Study).where(Study.id == study.id))
        session.execute(delete(FeedEvent).where(FeedEvent.study_instance_uid == study_uid))
        append(session, "study_forgotten", study_uid, {})
        session.add(AuditEntry(actor=actor, action="forget", study_instance_uid=study_uid))
    for path in paths:
        (folders.root / path).unlink(missing_ok=True)
    # The folders go too, with whatever a reading that was just going on has left in them.
    for folder in (folders.reports, folders.readings):
        shutil.rmtree(folder / study_uid, ignore_errors=True)
    database.scrub()
    return len(paths)
