"""The Orthancs whose changes are followed, one thread each, with their positions kept in the database."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy import select

from dicom_node.intake import Intake
from dicom_node.orthanc_source import OrthancSource, OrthancSourceSettings
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import SourcePosition
from gateway.parts import Parts
from gateway.processes.outgoing import read_password


class KeptPosition:
    """How far one source has been followed; survives a restart."""

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source

    def load(self) -> int:
        """Return the last change that was dealt with, 0 at first."""
        with self._database.read() as session:
            return session.scalar(select(SourcePosition.position).where(SourcePosition.source == self._source)) or 0

    def save(self, position: int) -> None:
        """Keep the position durably."""
        with self._database.write() as session:
            session.merge(SourcePosition(source=self._source, position=position, updated_at=now()))


def prepare_sources(parts: Parts, intake: Intake, stop: threading.Event) -> list[threading.Thread]:
    """Return a thread, not yet started, for every source of the settings; each follows it until `stop` is set.

    Raises:
        StartRefused: a password file can't be read.

    """
    threads = []
    for item in parts.settings.sources:
        settings = OrthancSourceSettings(
            name=item.name,
            url=item.url,
            username=item.username,
            password=read_password(item),
            interval_seconds=item.interval_seconds,
        )
        position = KeptPosition(parts.database, item.name)
        source = OrthancSource(settings, intake, position, structlog.get_logger("source"))
        thread = threading.Thread(target=source.run, args=(stop,), name=f"source-{item.name}", daemon=True)
        threads.append(thread)
    return threads
