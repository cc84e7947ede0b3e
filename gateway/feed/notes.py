"""Clinical notes for the feed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from gateway.database.engine import Database
from gateway.database.models import Study
from gateway.database.upload_models import ClinicalNote
from gateway.feed.availability import reading
from reporting.feed.upload_schemas import StudyNote


class Notes:
    """Implements `reporting.feed.upload_stores.NoteStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def notes(self, study_instance_uid: str) -> Sequence[StudyNote] | None:
        with reading(self._database) as session:
            study = session.scalar(select(Study.id).where(Study.study_instance_uid == study_instance_uid))
            if study is None:
                return None
            rows = session.scalars(
                select(ClinicalNote).where(ClinicalNote.study_id == study).order_by(ClinicalNote.id)
            ).all()
        return [
            StudyNote(age=row.age, reason=row.reason, history=row.history, author=row.author, written_at=row.written_at)
            for row in rows
        ]
