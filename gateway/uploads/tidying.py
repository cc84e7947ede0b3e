"""What is over goes: uploads that nobody goes on with, records of old ones, and folders that belong to none."""

from __future__ import annotations

import shutil
import threading
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.upload_models import Upload
from gateway.folders import Folders

log = structlog.get_logger(__name__)
KEEP_DONE: Final = timedelta(days=30)
"""How long it can be read what became of an upload; its file names may hold a patient's name."""
_EACH_SECONDS: Final = 600.0


class Tidying:
    """Rounds in an API process; several machines may do the same."""

    def __init__(self, database: Database, folders: Folders, keep: timedelta) -> None:
        self._database = database
        self._folders = folders
        self._keep = keep

    def run(self, stop: threading.Event) -> None:
        """Go round at once, and then every ten minutes until `stop` is set."""
        while True:
            try:
                self.tidy()
            except (SQLAlchemyError, OSError) as error:
                log.warning("upload.not_tidied", error=type(error).__name__)
            if stop.wait(_EACH_SECONDS):
                return

    def tidy(self) -> None:
        """Remove what is over."""
        # Listed before the rows are: a folder of an upload that begins meanwhile is not among them.
        found = [folder.name for folder in self._folders.uploads.iterdir()]
        moment = now()
        over = select(Upload).where(
            ((Upload.status == "receiving") & (Upload.touched_at < moment - self._keep))
            | ((Upload.status == "done") & (Upload.touched_at < moment - KEEP_DONE))
        )
        with self._database.read() as session:
            nothing = session.scalars(over.limit(1)).one_or_none() is None
        if not nothing:
            with self._database.write() as session:
                rows = session.scalars(over.with_for_update()).all()
                for row in rows:
                    session.delete(row)
            log.info("upload.removed", uploads=len(rows))
        with self._database.read() as session:
            known = set(session.scalars(select(Upload.id).where(Upload.status != "done")))
        for name in set(found) - known:
            shutil.rmtree(self._folders.uploads / name, ignore_errors=True)
