"""Stray files: what lies in the data folder without a row was never acknowledged, or was forgotten or deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.database.engine import Database
from gateway.database.named_files import named_files
from gateway.folders import Folders
from gateway.pictures.places import picture_files

log = structlog.get_logger(__name__)
# A file gets its row within seconds of its last byte; an hour leaves room for a database that is away.
_APART_SECONDS = 3600.0


class StraySweep:
    """Two looks: what had no row at the first, and has none and is unchanged at the second, is removed.

    How long a file has lain there is watched by waiting rather than read from its times, which a clock that was set
    makes wrong: another process may be receiving it at this moment.
    """

    def __init__(self, database: Database, folders: Folders) -> None:
        self._database = database
        self._folders = folders
        self._noted: dict[Path, tuple[int, int]] = {}

    def run(self, stop: threading.Event, after_seconds: float = _APART_SECONDS) -> None:
        """Look, wait, and remove; a database or a disk that is away is waited for as long again."""
        noted = False
        while True:
            try:
                if noted:
                    self.remove()
                    return
                self.note()
                noted = True
            except (SQLAlchemyError, OSError) as error:
                log.warning("strays.not_swept", error=type(error).__name__)
            if stop.wait(after_seconds):
                return

    def note(self) -> None:
        """Take the first look."""
        known = self._known()
        strays = [file for file in self._files() if self._folders.relative(file) not in known]
        self._noted = {file: state for file in strays if (state := _state(file)) is not None}

    def remove(self) -> int:
        """Take the second look; return how many files were removed."""
        known = self._known()
        removed = 0
        for file, state in self._noted.items():
            if self._folders.relative(file) not in known and _state(file) == state:
                file.unlink(missing_ok=True)
                removed += 1
        if removed:
            log.info("strays.removed", files=removed)
        return removed

    def _known(self) -> set[str]:
        with self._database.read() as session:
            pictures = {f"{self._folders.relative(self._folders.pictures)}/{name}" for name in picture_files(session)}
            return named_files(session) | pictures

    def _files(self) -> Iterator[Path]:
        folders = self._folders
        for folder in (
            folders.incoming,
            folders.instances,
            folders.quarantine,
            folders.reports,
            folders.readings,
            folders.headers,
            folders.pictures,
        ):
            yield from (path for path in folder.rglob("*") if path.is_file())


def _state(file: Path) -> tuple[int, int] | None:
    """Return what changes while a file is written; None when it is gone."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
