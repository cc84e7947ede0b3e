"""Which files of the data folder the rows speak of."""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.models import Duplicate, Instance, Quarantined, Reading, Report

REJECTION_NOTE = "rejection-note.dcm"
"""Lies beside a generation's reports where it withdraws pictures of an earlier one; it has no row of its own."""


def named_files(session: Session) -> set[str]:
    """Return the paths, relative to the data folder, of every file that belongs to a row (it need not exist)."""
    known: set[str] = set()
    for column in (Instance.header_path, Duplicate.path, Quarantined.path, Reading.heat_map_path):
        known.update(path for path in session.scalars(select(column)) if path is not None)
    # A deleted image that is still there is a stray: the process died before it could remove the file.
    known.update(session.scalars(select(Instance.path).where(Instance.deleted_at.is_(None))))
    reports = set(session.scalars(select(Report.path)))
    notes = {str(PurePosixPath(path).parent / REJECTION_NOTE) for path in reports}
    return known | reports | notes
