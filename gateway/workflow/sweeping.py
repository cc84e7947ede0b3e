"""The sweep: start what has a row and no job, and show what the engine gave up on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.database.columns import now
from gateway.database.commitment_models import Commitment
from gateway.database.engine import Database
from gateway.database.found_again import study_again
from gateway.database.models import Delivery, Duplicate, Study
from gateway.workflow.clock_watch import ClockWatch
from gateway.workflow.dead_letters import record_dead_letter
from gateway.workflow.jobs import Jobs, commit_id, compare_id, deliver_id, gather_id, process_id

log = structlog.get_logger(__name__)
_OVERDUE = timedelta(seconds=60)
_KEEP_JOBS = timedelta(days=30)
_PRUNED_AT_ONCE = 100


class Sweep:
    """Runs beside the workflow engine of each working process; several at once do no harm."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        *,
        clock: ClockWatch | None = None,
        longest_delays: Mapping[str, float] | None = None,
    ) -> None:
        """`longest_delays`: how many seconds a job of each of these queues waits at most before it runs."""
        self._database = database
        self._jobs = jobs
        self._clock = clock or ClockWatch()
        self._longest_delays = dict(longest_delays or {})
        self._setbacks: int | None = None

    def run(self, stop: threading.Event, interval_seconds: float) -> None:
        """Sweep now and then each interval until `stop` is set; a database that is away is no reason to end."""
        while True:
            for part in (
                self.hasten,
                self.studies,
                self.deliveries,
                self.duplicates,
                self.commitments,
                self.prune,
            ):
                self._safely(part)
            if stop.wait(interval_seconds):
                return

    def hasten(self) -> None:
        """Start what would wait for a time that has moved away, since the clock was set back; here or before we ran."""
        self._clock.look()
        setbacks = self._clock.setbacks
        if setbacks == self._setbacks:
            return
        for queue, longest in self._longest_delays.items():
            if hastened := self._jobs.hasten(queue, longest):
                log.warning("sweep.hastened", queue=queue, jobs=hastened)
        self._setbacks = setbacks

    def studies(self) -> None:
        """Start missing gather and process jobs; a process job that ended without a result is a dead letter."""
        with self._database.read() as session:
            open_studies = session.scalars(
                select(Study).where(
                    (Study.gathering.is_not(None)) | (Study.status.in_(("queued", "processing"))),
                    Study.updated_at < now() - _OVERDUE,
                )
            ).all()
        for study in open_studies:
            uid = study.study_instance_uid
            if study.gathering is not None and not self._jobs.is_alive(gather_id(uid, study.gathering)):
                with self._database.write() as session:
                    self._jobs.gather(session, uid, study.gathering, 0, suffix=f".{uuid4().hex[:8]}")
                log.warning("sweep.gather_started", study=uid)
            if study.status in ("queued", "processing"):
                self._process(study)

    def deliveries(self) -> None:
        """Start deliveries that are due and have no job."""
        with self._database.read() as session:
            rows = session.execute(
                select(Study.study_instance_uid, Delivery.generation, Delivery.destination)
                .join(Study, Study.id == Delivery.study_id)
                .where(Delivery.status == "waiting", Delivery.next_attempt_at < now() - _OVERDUE)
                .distinct()
            ).all()
        for study_uid, generation, destination in rows:
            if not self._jobs.any_alive(deliver_id(study_uid, generation, destination, "")):
                with self._database.write() as session:
                    attempt = f"sweep{uuid4().hex[:8]}.1"
                    self._jobs.deliver(session, study_uid, generation, destination, attempt, 0)
                log.warning("sweep.delivery_started", study=study_uid, destination=destination)

    def duplicates(self) -> None:
        """Start comparisons that have no job."""
        with self._database.read() as session:
            waiting = session.scalars(
                select(Duplicate.id).where(Duplicate.status == "waiting", Duplicate.received_at < now() - _OVERDUE)
            ).all()
        for duplicate_id in waiting:
            if not self._jobs.is_alive(compare_id(duplicate_id)):
                with self._database.write() as session:
                    self._jobs.compare(session, duplicate_id, suffix=f".{uuid4().hex[:8]}")

    def commitments(self) -> None:
        """Start attempts at storage commitment that are due and have no job; forget what was answered long ago."""
        moment = now()
        with self._database.read() as session:
            overdue = session.scalars(
                select(Commitment).where(Commitment.status == "waiting", Commitment.next_attempt_at < moment - _OVERDUE)
            ).all()
        for row in overdue:
            if not self._jobs.is_alive(commit_id(row.id, row.attempts + 1)):
                with self._database.write() as session:
                    suffix = f".{uuid4().hex[:8]}"
                    self._jobs.commit(session, row.id, row.attempts + 1, row.requester_ae_title, 0, suffix)
                log.warning("sweep.commitment_started", transaction_uid=row.transaction_uid)
        self._forget_answered(moment - _KEEP_JOBS)

    def prune(self) -> None:
        """Delete the records of jobs that ended long ago."""
        self._jobs.prune(now() - _KEEP_JOBS)

    def _forget_answered(self, before: datetime) -> None:
        answered = select(Commitment).where(Commitment.status == "reported", Commitment.reported_at < before)
        with self._database.read() as session:
            found = session.scalars(answered.limit(1)).first()
        if found is None:
            return  # no write lock without need
        with self._database.write() as session:
            for row in session.scalars(answered.limit(_PRUNED_AT_ONCE).with_for_update()):
                session.delete(row)

    def _process(self, study: Study) -> None:
        uid = study.study_instance_uid
        workflow_id = process_id(uid, study.generation, study.run)
        if self._jobs.is_alive(workflow_id):
            return
        known = self._jobs.exists(workflow_id)
        with self._database.write() as session:
            current = study_again(session, study)
            if current is None or (current.status, current.run, current.generation) != (
                study.status,
                study.run,
                study.generation,
            ):
                return  # it went on meanwhile, or was forgotten
            if known:
                reason = "the job ended without a result; have it tried again with: mammogate retry"
                record_dead_letter(session, current, study.generation, "process", reason)
            else:
                self._jobs.process(session, uid, study.generation, study.run)
        log.warning("sweep.process_missing", study=uid, ended=known)

    def _safely(self, part: Callable[[], None]) -> None:
        try:
            part()
        except SQLAlchemyError as error:
            log.warning("sweep.database_failed", error=type(error).__name__)
        except Exception as error:
            log.exception("sweep.failed", error=type(error).__name__)
