"""Rows of uploads as the feed shows them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.models import Study
from gateway.database.upload_models import Upload
from reporting.feed.upload_schemas import UploadedFile, UploadedItem, UploadedStudy, UploadState


def shown(session: Session, row: Upload, keep: timedelta) -> UploadState:
    """Return an upload's state; `keep`: how long an unfinished one waits for its next piece."""
    uids = {item.study_instance_uid for item in row.items if item.study_instance_uid}
    studies = session.execute(
        select(Study.study_instance_uid, Study.status).where(Study.study_instance_uid.in_(uids)).order_by(Study.id)
    )
    return UploadState(
        id=row.id,
        status=row.status,
        created_at=row.created_at,
        kept_until=row.touched_at + keep if row.status == "receiving" else None,
        problem=row.problem,
        files=tuple(
            UploadedFile(number=file.number, name=file.name, size=file.size, sha256=file.sha256, received=file.received)
            for file in row.files
        ),
        items=tuple(
            UploadedItem(
                name=item.name,
                verdict=item.verdict,
                reason=item.reason,
                study_instance_uid=item.study_instance_uid,
            )
            for item in row.items
        ),
        studies=tuple(UploadedStudy(study_instance_uid=uid, status=status) for uid, status in studies),
    )
