"""From an upload that is all there to instances: each file once, through the same intake as C-STORE."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import selectinload

from dicom_node.intake import AnnouncedInstance, Intake, Origin, Verdict
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.upload_models import Upload, UploadFile, UploadItem
from gateway.folders import Folders
from gateway.uploads.concluding import conclude
from gateway.uploads.desk import printable
from gateway.uploads.judging import DiscIndex, FileRefused, judge
from gateway.uploads.places import folder_of, part_of, storing_alone
from gateway.uploads.zip_file import OpenedZip, ZipRefused, is_clutter, is_zip, opened_zip

log = structlog.get_logger(__name__)
_LOOK_SECONDS: Final = 5.0
_LONGEST_WAIT_SECONDS: Final = 120.0
_SENDER: Final = "UPLOAD"
_LOST: Final = "The gateway has lost it. Send it again."
_DAMAGED: Final = "It arrived otherwise than it was announced. Send it again."
_NOT_NOW: Final = "The gateway can't store it now: its log says why. It goes on by itself."


class Postponed(Exception):
    """Nothing is wrong with the file: the gateway can't store it now."""


@dataclass(frozen=True)
class _Outcome:
    verdict: str
    reason: str | None = None
    study_instance_uid: str | None = None


class UploadStorer:
    """One for each API process. Of several, whoever holds an upload's lock stores it; a lock ends with its process."""

    def __init__(self, database: Database, folders: Folders, intake: Intake, max_unpacked: int) -> None:
        self._database = database
        self._folders = folders
        self._intake = intake
        self._max_unpacked = max_unpacked
        self._woken = threading.Event()
        self._waits: dict[str, tuple[float, float]] = {}
        """Uploads that could not be stored: when to try again, by the monotonic clock, and after how many seconds."""

    def wake(self) -> None:
        """Have it look now."""
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Store what waits, until `stop` is set; what an earlier process has begun too."""
        while not stop.is_set():
            self._woken.clear()
            try:
                self.store_all(stop)
            except (SQLAlchemyError, OSError) as error:
                log.warning("upload.not_stored", error=type(error).__name__)
            except Exception as error:
                # A defect outside of any upload must not end this thread.
                log.exception("upload.storing_failed", error=type(error).__name__)
            self._woken.wait(_LOOK_SECONDS)

    def store_all(self, stop: threading.Event | None = None) -> None:
        """Store every upload that is finished and not stored yet; what failed is left alone for a while."""
        waiting = select(Upload.id).where(Upload.status == "storing").order_by(Upload.touched_at)
        with self._database.read() as session:
            found = session.scalars(waiting).all()
        self._waits = {upload_id: wait for upload_id, wait in self._waits.items() if upload_id in found}
        for upload_id in found:
            if stop is not None and stop.is_set():
                return
            if time.monotonic() < self._waits.get(upload_id, (0.0, 0.0))[0]:
                continue
            try:
                with storing_alone(self._folders, upload_id) as alone:
                    if alone:
                        self._store(upload_id)
            except (SQLAlchemyError, OSError) as error:
                log.warning("upload.not_stored", upload=upload_id, error=type(error).__name__)
                self._note_problem(upload_id, _NOT_NOW)
            except Exception as error:
                # One upload that breaks our code must not end the storing of all others; noted, it goes last.
                log.exception("upload.storing_failed", upload=upload_id, error=type(error).__name__)
                self._note_problem(upload_id, _NOT_NOW)

    def _store(self, upload_id: str) -> None:
        with self._database.read() as session:
            row = session.get(Upload, upload_id, options=(selectinload(Upload.files), selectinload(Upload.items)))
            if row is None or row.status != "storing":
                return  # another process was quicker
            files = list(row.files)
            decided = {(item.file_number, item.position) for item in row.items}
            address = row.address
        origin = Origin("upload", upload_id, _SENDER, address)
        try:
            for file in files:
                self._store_file(file, origin, decided)
        except Postponed as problem:
            self._note_problem(upload_id, f"The gateway can't store it now: {problem}. It goes on by itself.")
            return
        finally:
            self._intake.association_closed(origin)
        conclude(self._database, upload_id)
        shutil.rmtree(folder_of(self._folders, upload_id), ignore_errors=True)

    def _store_file(self, file: UploadFile, origin: Origin, decided: set[tuple[int, int]]) -> None:
        part = part_of(self._folders, file.upload_id, file.number)
        wrong = _what_is_wrong(part, file)
        if wrong is None and file.size and is_zip(part):
            try:
                with opened_zip(part, self._max_unpacked) as archive:
                    self._store_members(file, archive, origin, decided)
            except ZipRefused as refusal:
                wrong = str(refusal)
            else:
                return
        if (file.number, 0) in decided:
            return
        if wrong is not None:
            outcome = _Outcome("refused", wrong)
        elif is_clutter(file.name):
            outcome = _Outcome("left_out")
        else:
            with self._incoming() as path:
                if file.size:
                    shutil.copyfile(part, path)
                else:
                    path.touch(mode=0o600)
                outcome = self._take(path, origin)
        self._record(file, 0, file.name, outcome)

    def _store_members(
        self, file: UploadFile, archive: OpenedZip, origin: Origin, decided: set[tuple[int, int]]
    ) -> None:
        if archive.unpacked_bytes > self._folders.free_bytes():
            raise Postponed("its disk is full")
        for position, member in enumerate(archive.members, 1):
            if (file.number, position) in decided:
                continue
            if is_clutter(member.name):
                outcome = _Outcome("left_out")
            elif member.refusal is not None:
                outcome = _Outcome("refused", member.refusal)
            else:
                with self._incoming() as path:
                    try:
                        archive.unpack(member, path)
                    except ZipRefused as refusal:
                        outcome = _Outcome("refused", str(refusal))
                    else:
                        outcome = self._take(path, origin)
            self._record(file, position, member.name, outcome)
        if not archive.members and (file.number, 0) not in decided:
            self._record(file, 0, file.name, _Outcome("refused", "The zip file is empty."))

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A file on its way to the intake; removed unless the intake took it. A disk that is full postpones."""
        path = self._intake.new_file()
        try:
            yield path
        except OSError as error:
            log.error("upload.disk_failed", error=error.strerror, errno=error.errno)
            raise Postponed("its disk is full or fails") from error
        finally:
            self._intake.discard(path)

    def _take(self, path: Path, origin: Origin) -> _Outcome:
        try:
            judged = judge(path)
        except DiscIndex:
            return _Outcome("left_out")
        except FileRefused as refusal:
            return _Outcome("refused", str(refusal))
        header = judged.header
        announced = AnnouncedInstance(header.sop_class_uid, header.sop_instance_uid)
        answer = self._intake.accept(path, announced, origin)
        if answer.verdict is Verdict.STORED:
            return _Outcome("stored", judged.remark, answer.study_instance_uid)
        if answer.verdict is Verdict.OUT_OF_RESOURCES:
            raise Postponed(answer.comment)
        return _Outcome("refused", f"The DICOM file is damaged: {answer.comment}.")

    def _record(self, file: UploadFile, position: int, name: str, outcome: _Outcome) -> None:
        with self._database.write() as session:
            session.add(
                UploadItem(
                    upload_id=file.upload_id,
                    file_number=file.number,
                    position=position,
                    name=printable(name),
                    verdict=outcome.verdict,
                    reason=outcome.reason,
                    study_instance_uid=outcome.study_instance_uid,
                )
            )
        log.info("upload.judged", upload=file.upload_id, file=file.number, position=position, verdict=outcome.verdict)

    def _note_problem(self, upload_id: str, problem: str) -> None:
        log.warning("upload.postponed", upload=upload_id, reason=problem)
        # Each try reads all its files again.
        seconds = min(2 * self._waits.get(upload_id, (0.0, _LOOK_SECONDS / 2))[1], _LONGEST_WAIT_SECONDS)
        self._waits[upload_id] = time.monotonic() + seconds, seconds
        with self._database.write() as session:
            session.execute(update(Upload).where(Upload.id == upload_id).values(problem=problem, touched_at=now()))


def _what_is_wrong(part: Path, file: UploadFile) -> str | None:
    size = part.stat().st_size if part.exists() else 0
    if size != file.size:
        return _LOST
    if file.sha256 is None or not file.size:
        return None
    with part.open("rb") as content:
        return None if hashlib.file_digest(content, "sha256").hexdigest() == file.sha256 else _DAMAGED
