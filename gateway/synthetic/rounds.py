"""The timer: makes a study, sends it, notes that it is back, erases it. What it has to do next is told by the rows."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dicom_node.destination import Delivered, Outcome
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Reading, Report, Study
from gateway.database.sole import SYNTHETIC, is_sole, may_be_idle
from gateway.database.synthetic_models import SyntheticStudy
from gateway.folders import Folders
from gateway.forgetting import forget_study
from gateway.synthetic.images import write_views
from gateway.workflow.jobs import Jobs
from gateway.workflow.retrying import UnknownStudy

log = structlog.get_logger(__name__)
Send = Callable[[Sequence[Path]], dict[Path, Outcome]]
_VIEWS: Final = 4
_KEEP_ROWS: Final = timedelta(days=30)
_LONGEST_SEND_SECONDS: Final = 600
_ERASED_BY: Final = "synthetic study"


class SyntheticRounds:
    """Runs in each working process; over all machines one of them does it at a time."""

    def __init__(
        self,
        database: Database,
        folders: Folders,
        jobs: Jobs,
        send: Send,
        *,
        every: timedelta,
        within: timedelta,
        keep: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`send`: over C-STORE to our own port; sending the same objects again is sending them once."""
        self._database = database
        self._folders = folders
        self._jobs = jobs
        self._send = send
        self._every = every
        self._within = within
        self._keep = keep
        self._clock = clock

    def run(self, stop: threading.Event, interval_seconds: float) -> None:
        """Look each interval until `stop` is set; a database that is away is no reason to end."""
        while not stop.wait(interval_seconds):
            try:
                self.look()
            except SQLAlchemyError as error:
                log.warning("synthetic.database_failed", error=type(error).__name__)
            except Exception as error:
                log.exception("synthetic.failed", error=type(error).__name__)

    def look(self) -> None:
        """Do what is due; doing it twice, or going on where a killed process stopped, changes nothing."""
        # The lock is held on a connection of its own; what follows has transactions of its own.
        with self._database.read() as session:
            if not is_sole(session, SYNTHETIC):
                return
            may_be_idle(session, _LONGEST_SEND_SECONDS)  # the lock must outlast a port that hangs
            self._mind_the_clock()
            self._note_what_is_back()
            self._make()
            self._send_what_is_not_sent()
            self._erase()

    def _mind_the_clock(self) -> None:
        """Bring back what was made at a time to come: the clock was set back, or another machine's is ahead.

        Left as it is, it would be the newest for that long; the times between its steps stay as they were.
        """
        moment = self._clock()
        with self._database.write() as session:
            for row in session.scalars(select(SyntheticStudy).where(SyntheticStudy.made_at > moment)):
                ahead = row.made_at - moment
                row.made_at = moment
                row.sent_at = row.sent_at and row.sent_at - ahead
                row.back_at = row.back_at and row.back_at - ahead

    def _make(self) -> None:
        moment = self._clock()
        with self._database.write() as session:
            last = session.scalar(select(SyntheticStudy.made_at).order_by(SyntheticStudy.made_at.desc()).limit(1))
            if last is None or last + self._every <= moment:
                session.add(SyntheticStudy(study_instance_uid=f"2.25.{uuid4().int}", made_at=moment))

    def _send_what_is_not_sent(self) -> None:
        unsent = select(SyntheticStudy).where(
            SyntheticStudy.sent_at.is_(None), SyntheticStudy.made_at > self._clock() - self._within
        )
        with self._database.read() as session:
            rows = session.scalars(unsent).all()
        for row in rows:
            with tempfile.TemporaryDirectory(dir=self._folders.incoming, prefix="synthetic.") as folder:
                paths = write_views(Path(folder), row.study_instance_uid, row.made_at)
                outcomes = self._send(paths).values()
            failed = [outcome.reason for outcome in outcomes if not isinstance(outcome, Delivered)]
            self._change(row, None if failed else self._clock(), f"It can't be sent: {failed[0]}" if failed else None)
            log.info("synthetic.sent", study=row.study_instance_uid, objects=_VIEWS - len(failed), refused=len(failed))

    def _change(self, row: SyntheticStudy, sent_at: datetime | None, problem: str | None) -> None:
        with self._database.write() as session:
            current = session.get_one(SyntheticStudy, row.id)
            current.sent_at, current.problem = sent_at, problem

    def _note_what_is_back(self) -> None:
        waited_for = select(SyntheticStudy).where(
            SyntheticStudy.sent_at.is_not(None), SyntheticStudy.back_at.is_(None), SyntheticStudy.erased_at.is_(None)
        )
        with self._database.write() as session:
            for row in session.scalars(waited_for):
                study = session.scalar(select(Study).where(Study.study_instance_uid == row.study_instance_uid))
                if study is None or study.status != "reported":
                    continue
                row.problem = self._what_is_wrong(session, study)
                if row.problem is None:
                    row.back_at = self._clock()
                    seconds = (row.back_at - row.made_at).total_seconds()
                    log.info("synthetic.back", study=row.study_instance_uid, seconds=round(seconds, 1))

    def _what_is_wrong(self, session: Session, study: Study) -> str | None:
        readings = session.scalars(
            select(Reading).where(Reading.study_id == study.id, Reading.generation == study.generation)
        ).all()
        failures = [str(reading.result["failure"]) for reading in readings if reading.result.get("failure")]
        if failures:
            return f"An image was not read: {failures[0]}"
        if len(readings) != _VIEWS:
            return f"{len(readings)} images were read, not {_VIEWS}."
        reports = session.scalars(
            select(Report).where(Report.study_id == study.id, Report.generation == study.generation)
        ).all()
        lost = [report.kind for report in reports if not (self._folders.root / report.path).is_file()]
        if lost or not any(report.kind == "mammography_cad_sr" for report in reports):
            return f"No file of the report {lost[0] if lost else 'mammography_cad_sr'} is there."
        return None

    def _erase(self) -> None:
        old = select(SyntheticStudy).where(
            SyntheticStudy.made_at < self._clock() - self._keep, SyntheticStudy.erased_at.is_(None)
        )
        with self._database.read() as session:
            rows = session.scalars(old).all()
        for row in rows:
            with suppress(UnknownStudy):  # it never came, or a process that was killed has erased it
                forget_study(self._database, self._folders, self._jobs, row.study_instance_uid, _ERASED_BY)
            with self._database.write() as session:
                session.get_one(SyntheticStudy, row.id).erased_at = self._clock()
        with self._database.write() as session:
            # Not at once: what was still on its way would come as a patient's.
            session.execute(delete(SyntheticStudy).where(SyntheticStudy.erased_at < self._clock() - _KEEP_ROWS))
