"""Stray files: what lies in the data folder without a row was never acknowledged, or was forgotten or deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from gateway.database.engine import Database
from gateway.database.named_files import named_files
from gateway.folders import Folders

log = structlog.get_logger(__name__)
# A file gets its row within seconds of its last byte; an hour leaves room for a database that is away.
_OLD_SECONDS = 3600.0


def sweep_strays(database: Database, folders: Folders, *, older_than_seconds: float = _OLD_SECONDS) -> int:
    """Remove files that no row knows and that are older than so many seconds; return how many."""
    oldest = time.time() - older_than_seconds
    candidates = [file for file in _files(folders) if _modified(file) < oldest]
    # Asked afterwards: what another machine gave a row while this one was listing is known then.
    with database.read() as session:
        known = named_files(session)
    removed = 0
    for file in candidates:
        if folders.relative(file) not in known:
            file.unlink(missing_ok=True)
            removed += 1
    if removed:
        log.info("strays.removed", files=removed)
    return removed


def _files(folders: Folders) -> Iterator[Path]:
    for folder in (
        folders.incoming,
        folders.instances,
        folders.quarantine,
        folders.reports,
        folders.readings,
        folders.headers,
    ):
        yield from (path for path in folder.rglob("*") if path.is_file())


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
