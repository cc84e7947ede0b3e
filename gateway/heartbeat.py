"""Signs of life: each process leaves one now and then, and all can tell from them who is gone.

What counts is the database's clock on both sides, so that clocks which differ between machines don't matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gateway.database.clock import database_now
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Heartbeat

log = structlog.get_logger(__name__)
BEAT_SECONDS = 10.0
SILENT = timedelta(seconds=45)
"""After so long without a sign of life a process counts as gone: four beats missed in a row."""
CLOCKS_DIFFER_SECONDS = 2.0
_KEEP = timedelta(days=1)


class Heart:
    """Leaves the signs of life of one process, `name`, which works in the data folder with this id."""

    def __init__(self, database: Database, name: str, folder_id: str | None = None) -> None:
        self._database = database
        self._name = name
        self._folder_id = folder_id
        self._clock_is_off = False

    def beat(self) -> None:
        """Leave one sign of life, and forget processes that nobody has heard of for a day."""
        with self._database.write() as session:
            moment = database_now(session)
            off = (now() - moment).total_seconds()
            session.merge(Heartbeat(executor_id=self._name, seen_at=moment, folder_id=self._folder_id))
            session.execute(delete(Heartbeat).where(Heartbeat.seen_at < moment - _KEEP))
        self._mind_the_clock(off)

    def run(self, stop: threading.Event) -> None:
        """Leave one each `BEAT_SECONDS` until `stop` is set; a database that is away is no reason to end."""
        while not stop.wait(BEAT_SECONDS):
            try:
                self.beat()
            except SQLAlchemyError as error:
                log.warning("heartbeat.failed", error=type(error).__name__)

    def _mind_the_clock(self, off: float) -> None:
        was, self._clock_is_off = self._clock_is_off, abs(off) > CLOCKS_DIFFER_SECONDS
        if self._clock_is_off and not was:
            log.warning("clock.differs", seconds=round(off, 1), advice="Let NTP set the clocks of all machines.")


def alive(session: Session) -> set[str]:
    """Return the names of the processes that have given a sign of life lately."""
    return set(alive_in(session))


def alive_in(session: Session) -> dict[str, str | None]:
    """Return the same names, each with the id of its data folder; none from a version that does not tell."""
    moment = database_now(session)
    # A sign from the time to come was left before the clock was set back: whoever lives leaves another one soon.
    lately = Heartbeat.seen_at.between(moment - SILENT, moment + SILENT)
    rows = session.execute(select(Heartbeat.executor_id, Heartbeat.folder_id).where(lately)).all()
    return {row.executor_id: row.folder_id for row in rows}


def alive_of(names: Iterable[str], part: str) -> list[str]:
    """Return those of the names that are of a part, on whichever machine: receive, work or api."""
    return sorted(name for name in names if name.partition("@")[0].partition("-")[0] == part)
