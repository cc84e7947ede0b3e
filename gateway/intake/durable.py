"""The Intake of `dicom_node`, made durable: file, row and job are on disk before anybody is told so."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from dicom_node.intake import AnnouncedInstance, Answer, Origin, Verdict
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import AssociationRecord, Duplicate, Instance, Quarantined, Report
from gateway.folders import Folders, make_durable, move_durably
from gateway.intake.group_commit import CommitInDoubt, GroupCommit, WriterStopped
from gateway.intake.header import HeaderUnreadable, ReceivedHeader, read_header
from gateway.intake.recording import Arrival, ArrivalRecorder, Recorded
from gateway.tracing.study_traces import StudyTraces
from gateway.workflow.gathering import let_settle
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)
# Up to this size an object's file is put on disk while its rows are written, which saves a fifth of the time for half
# a megabyte. The transaction stays open for as long as that takes, so what is larger goes to the disk first.
_SYNCED_MEANWHILE_BYTES = 8 << 20


class DurableIntake:
    """One for each receiving process; `receiver` is the process's slot name.

    Nothing is kept in memory that an acknowledgement depends on. A file without a row was never acknowledged: such
    files are swept (`gateway.strays`). Rows are written by one thread, for many callers at once.
    """

    def __init__(
        self,
        database: Database,
        folders: Folders,
        jobs: Jobs,
        *,
        receiver: str,
        settle_seconds: float,
        quiet_seconds: float,
        reserve_bytes: int,
        forward_to: Sequence[str] = (),
        traces: StudyTraces | None = None,
    ) -> None:
        self._database = database
        self._folders = folders
        self._jobs = jobs
        self._settle = settle_seconds
        self._reserve = reserve_bytes
        recorder = ArrivalRecorder(jobs, receiver=receiver, quiet_seconds=quiet_seconds, forward_to=forward_to)
        self._writer = GroupCommit(database.engine, recorder, name="intake-writer")
        self._touched: dict[str, set[int]] = {}
        self._lock = threading.Lock()
        self._traces = traces
        self._begun: dict[Path, int] = {}
        """When the first byte of a file came that is still arriving; empty where traces are off."""

    def new_file(self) -> Path:
        """Return a fresh path in the folder of incoming files."""
        path = self._folders.new_incoming()
        if self._traces is not None:
            self._begun[path] = time.time_ns()
        return path

    def accept(self, path: Path, announced: AnnouncedInstance, origin: Origin) -> Answer:
        """Make the file at `path` durable and answer; the file is gone from `path` afterwards, whatever the answer."""
        try:
            if self._folders.free_bytes() < self._reserve:
                return self._refuse(path, "the gateway's disk is full", origin)
            try:
                header = read_header(path)
            except HeaderUnreadable as error:
                return self._quarantine(path, Verdict.UNREADABLE, str(error), announced, origin)
            if announced.sop_instance_uid not in (None, header.sop_instance_uid):
                reason = "the SOP Instance UID in the header is not the announced one"
                return self._quarantine(path, Verdict.UNREADABLE, reason, announced, origin)
            if announced.sop_class_uid not in (None, header.sop_class_uid):
                reason = "the SOP class in the header is not the announced one"
                return self._quarantine(path, Verdict.CLASS_MISMATCH, reason, announced, origin)
            return self._store(path, header, origin)
        except OSError as error:
            log.error("receive.disk_failed", error=error.strerror, errno=error.errno)
            return self._refuse(path, "the gateway's disk fails", origin)
        except SQLAlchemyError as error:
            log.error("receive.database_failed", error=type(error).__name__)
            return self._refuse(path, "the gateway's database is away", origin)
        except MemoryError:
            log.error("receive.out_of_memory")
            return self._refuse(path, "the gateway is short of memory", origin)
        except CommitInDoubt as error:
            log.error("receive.database_failed", error=type(error.__cause__).__name__)
            return self._refuse(path, "the gateway's database is away", origin)
        except WriterStopped:
            return self._refuse(path, "the gateway is stopping", origin)
        except Exception as error:
            # Whatever else goes wrong, the sender must keep its copy: nothing was made durable.
            log.exception("receive.failed", error=type(error).__name__)
            return self._refuse(path, "the gateway failed to store this", origin)
        finally:
            self._begun.pop(path, None)

    def discard(self, path: Path) -> None:
        """Remove an incoming file that will not be accepted."""
        self._begun.pop(path, None)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("receive.discard_failed", error=error.strerror)

    def association_closed(self, origin: Origin) -> None:
        """Note that nothing more comes from `origin`, and let complete studies settle."""
        with self._lock:
            studies = self._touched.pop(origin.association_id, set())
        if not studies:
            return
        try:
            with self._database.write() as session:
                session.execute(
                    update(AssociationRecord)
                    .where(AssociationRecord.id == origin.association_id)
                    .values(closed_at=now())
                )
            let_settle(self._database, self._jobs, studies, self._settle)
        except Exception as error:  # noqa: BLE001 - the gather job looks by itself after the quiet time
            log.warning("receive.close_not_noted", error=type(error).__name__)

    def close(self) -> None:
        """Answer whoever waits in `accept`, refuse whoever comes later, and end the writing thread."""
        self._writer.stop()

    def known_instances(self, sop_instance_uids: Collection[str]) -> set[str]:
        """Return which of these UIDs are instances here, or reports of ours."""
        wanted = list(sop_instance_uids)
        with self._database.read() as session:
            held = set(session.scalars(select(Instance.sop_instance_uid).where(Instance.sop_instance_uid.in_(wanted))))
            ours = set(session.scalars(select(Report.sop_instance_uid).where(Report.sop_instance_uid.in_(wanted))))
        return held | ours

    def _store(self, path: Path, header: ReceivedHeader, origin: Origin) -> Answer:
        size = path.stat().st_size
        begun, stored = self._begun.get(path), self._folders.new_instance()
        committing = time.time_ns()
        path.rename(stored)
        try:
            recorded = self._make_durable(stored, Arrival(self._folders.relative(stored), size, header, origin))
        except CommitInDoubt:
            # PostgreSQL may carry out later what it was asked before the line broke: to look now would say nothing. The
            # sweep of strays removes the file if it never got its row. SQLite has decided when it says so.
            if self._database.is_sqlite:
                self._remove_unless_recorded(stored)
            raise
        except BaseException:
            self._remove_unless_recorded(stored)
            raise
        if not stored.exists():
            # This process was frozen so long that another one took the file for a stray. Sent again, it comes back as a
            # duplicate, which takes the place of a file that is lost.
            raise FileNotFoundError(errno.ENOENT, "it was swept before it had its row")
        if recorded is None:
            # A PACS that routes whole studies sends our reports back: they are durable here already.
            self.discard(stored)
        else:
            with self._lock:
                self._touched.setdefault(origin.association_id, set()).add(recorded.study_id)
            if self._traces is not None:
                self._traces.received(
                    header.study_instance_uid,
                    recorded.generation,
                    begun or committing,
                    (committing, time.time_ns()),
                    channel=origin.channel,
                    role=header.image.role,
                    bytes=size,
                )
        return Answer(
            Verdict.STORED,
            study_instance_uid=header.study_instance_uid,
            sop_class_uid=header.sop_class_uid,
            sop_instance_uid=header.sop_instance_uid,
        )

    def _make_durable(self, stored: Path, arrival: Arrival) -> Recorded | None:
        """Return the rows' place once file and rows are on disk: the rows are committed after the file is there."""
        if arrival.size <= _SYNCED_MEANWHILE_BYTES:
            return self._writer.commit(arrival, meanwhile=partial(make_durable, stored))
        make_durable(stored)
        return self._writer.commit(arrival)

    def _refuse(self, path: Path, comment: str, origin: Origin) -> Answer:
        self.discard(path)
        log.warning("receive.refused", reason=comment, peer=origin.peer_ae_title, channel=origin.channel)
        return Answer(Verdict.OUT_OF_RESOURCES, comment)

    def _quarantine(
        self, path: Path, verdict: Verdict, reason: str, announced: AnnouncedInstance, origin: Origin
    ) -> Answer:
        kept = self._folders.quarantine / path.name
        move_durably(path, kept)
        with self._database.write() as session:
            session.add(
                Quarantined(
                    path=self._folders.relative(kept),
                    reason=reason,
                    channel=origin.channel,
                    peer_ae_title=origin.peer_ae_title,
                    peer_address=origin.peer_address,
                    announced_sop_instance_uid=(announced.sop_instance_uid or "")[:64] or None,
                )
            )
        log.warning("receive.quarantined", reason=reason, peer=origin.peer_ae_title, file=kept.name)
        return Answer(
            verdict, reason, sop_class_uid=announced.sop_class_uid, sop_instance_uid=announced.sop_instance_uid
        )

    def _remove_unless_recorded(self, stored: Path) -> None:
        """Remove a file whose row failed; but where nobody can tell whether it failed, leave it to the sweep."""
        name = self._folders.relative(stored)
        try:
            with self._database.read() as session:
                recorded = session.scalar(select(Instance.id).where(Instance.path == name)) is not None
                recorded = recorded or session.scalar(select(Duplicate.id).where(Duplicate.path == name)) is not None
        except SQLAlchemyError:
            return
        if not recorded:
            self.discard(stored)
