"""The Orthancs whose changes are followed, one thread each, with their positions kept in the database.

Where several machines follow one Orthanc, one of them does at a time: the one that holds its row, for as long as it
lives.
"""

from __future__ import annotations

import threading

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dicom_node.intake import Intake
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import SourcePosition
from gateway.heartbeat import alive
from gateway.parts import Parts
from gateway.processes.passwords import read_password

log = structlog.get_logger(__name__)


class KeptPosition:
    """How far one source has been followed, and whether it is `follower` that follows it; survives a restart."""

    def __init__(self, database: Database, source: str, follower: str) -> None:
        self._database = database
        self._source = source
        self._follower = follower

    def load(self) -> int:
        """Return the last change that was dealt with, 0 at first."""
        with self._database.read() as session:
            return session.scalar(select(SourcePosition.position).where(SourcePosition.source == self._source)) or 0

    def save(self, position: int) -> None:
        """Keep the position durably; but not where another has taken over meanwhile, which may be further."""
        with self._database.write() as session:
            session.execute(
                update(SourcePosition)
                .where(SourcePosition.source == self._source, SourcePosition.holder == self._follower)
                .values(position=position, updated_at=now())
            )

    def is_ours(self) -> bool:
        """Say whether this process is to follow the source now; takes it over from nobody, or from the dead."""
        try:
            with self._database.read() as session:
                holder = session.scalar(select(SourcePosition.holder).where(SourcePosition.source == self._source))
                if holder == self._follower:
                    return True
                if holder is not None and holder in alive(session):
                    return False
            return self._take()
        except SQLAlchemyError as error:
            log.warning("source.database_failed", source=self._source, error=type(error).__name__)
            return False

    def _take(self) -> bool:
        with self._database.write() as session:
            row = self._row(session)
            if row.holder not in (None, self._follower) and row.holder in alive(session):
                return False  # another was faster
            if row.holder != self._follower:
                log.info("source.taken_over", source=self._source, follower=self._follower, was=row.holder)
            row.holder = self._follower
            return True

    def _row(self, session: Session) -> SourcePosition:
        wanted = select(SourcePosition).where(SourcePosition.source == self._source).with_for_update()
        row = session.scalars(wanted).one_or_none()
        if row is None:
            row = SourcePosition(source=self._source, position=0)
            session.add(row)
        return row


def let_go_of_sources(database: Database, follower: str) -> None:
    """Leave the sources that this process followed to whoever comes next: its settings may no longer name them."""
    with database.write() as session:
        session.execute(update(SourcePosition).where(SourcePosition.holder == follower).values(holder=None))


def prepare_sources(parts: Parts, intake: Intake, follower: str, stop: threading.Event) -> list[threading.Thread]:
    """Return a thread, not yet started, for every source of the settings; each follows it until `stop` is set.

    Raises:
        StartRefused: a password file can't be read.

    """
    if not parts.settings.sources:
        return []
    # Its HTTP libraries cost memory that a receiver without sources can do without.
    from dicom_node.orthanc_source import OrthancSource, OrthancSourceSettings

    threads = []
    for item in parts.settings.sources:
        settings = OrthancSourceSettings(
            name=item.name,
            url=item.url,
            username=item.username,
            password=read_password(item),
            interval_seconds=item.interval_seconds,
        )
        position = KeptPosition(parts.database, item.name, follower)
        source = OrthancSource(settings, intake, position, structlog.get_logger("source"))
        thread = threading.Thread(
            target=source.run, args=(stop, position.is_ours), name=f"source-{item.name}", daemon=True
        )
        threads.append(thread)
    return threads
