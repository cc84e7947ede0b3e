"""Deleting images by age: one at a time, each with its own confirmation, its own transaction and its own log line.

The order of effects, so that a kill anywhere leaves rows and files that agree: the header is copied to a file of its
own; then one transaction looks again whether anything is open, with the study's row locked, and marks the instance as
deleted; then the file and the picture made of it are removed. What was left over is a stray, and swept as one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.database.account_models import AuditEntry
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Instance, Study
from gateway.files_hold import files_free
from gateway.folders import Folders, write_durably
from gateway.pictures.making import remove_picture
from gateway.reading import tasks
from gateway.reading.child import Child, ChildCrashed, ChildTooSlow
from gateway.retention.conditions import old_studies, open_matter, unread_image
from gateway.retention.witnesses import Witness, WitnessAway

log = structlog.get_logger(__name__)
_STUDIES_AT_ONCE = 100
ACTOR = "retention"
ACTION = "delete_image"


@dataclass(frozen=True)
class _Candidate:
    """An image that may go as far as our tables say, with the study it is of."""

    study_id: int
    study_uid: str
    instance: Instance


class Retention:
    """Runs beside the workflow engine of the working process, in a thread and with a child process of its own.

    `age`: how long ago the last image of a study must have come.
    """

    def __init__(self, database: Database, folders: Folders, child: Child, witness: Witness, age: timedelta) -> None:
        self._database = database
        self._folders = folders
        self._child = child
        self._witness = witness
        self._age = age
        self._seen_up_to = 0
        """The id of the study that was looked at last; a round that was cut short goes on behind it."""

    def run(self, stop: threading.Event, interval_seconds: float) -> None:
        """Make a round now and then each interval until `stop` is set; no failure is a reason to end."""
        while True:
            try:
                self.round(stop)
            except SQLAlchemyError as error:
                log.warning("retention.database_failed", error=type(error).__name__)
            except Exception as error:
                log.exception("retention.failed", error=type(error).__name__)
            self._child.close()  # its memory is of use to others until the next round
            if stop.wait(interval_seconds):
                return

    def round(self, stop: threading.Event) -> None:
        """Look at every study that is old enough, and delete what may go; an archive that is away ends the round."""
        deleted = 0
        kept: Counter[str] = Counter()
        try:
            while study_ids := self._next_studies():
                for study_id in study_ids:
                    self._seen_up_to = study_id
                    for outcome in self._delete_in(study_id, stop):
                        if outcome is None:
                            deleted += 1
                        else:
                            kept[outcome] += 1
                    if stop.is_set():
                        return
            self._seen_up_to = 0
        except WitnessAway as away:
            log.warning("retention.archive_away", reason=str(away))
        finally:
            if deleted or kept:
                log.info("retention.looked", deleted=deleted, kept=dict(kept))

    def _next_studies(self) -> list[int]:
        with self._database.read() as session:
            return list(
                session.scalars(
                    select(Study.id)
                    .where(Study.id > self._seen_up_to, old_studies(now() - self._age))
                    .order_by(Study.id)
                    .limit(_STUDIES_AT_ONCE)
                )
            )

    def _delete_in(self, study_id: int, stop: threading.Event) -> Iterator[str | None]:
        """Yield for each image of the study None where it was deleted, otherwise why it is kept."""
        with self._database.read() as session:
            study = session.get(Study, study_id)
            if study is None:
                return
            here = [instance for instance in study.instances if instance.deleted_at is None]
            matter = open_matter(session, study, now() - self._age)
            reasons = [matter or unread_image(session, study, instance) for instance in here]
        for instance, reason in zip(here, reasons, strict=True):
            if stop.is_set():
                return
            yield reason or self._delete(_Candidate(study.id, study.study_instance_uid, instance))

    def _delete(self, candidate: _Candidate) -> str | None:
        instance = candidate.instance
        image = self._folders.root / instance.path
        if self._witness.confirms(instance) is None:
            return "the archive has not confirmed an image"
        try:
            remains = self._remains(image)
        except Exception as error:  # noqa: BLE001 - pydicom and the disk have many ways; the image stays then
            log.warning("retention.header_unreadable", instance=instance.sop_instance_uid, error=type(error).__name__)
            return "the header of an image can't be copied"
        # Asked again, since the decoding took its time: the word that counts is the last one before the deletion.
        because = self._witness.confirms(instance)
        if because is None:
            return "the archive has not confirmed an image"
        with files_free(self._folders) as free:
            if not free:
                return "a backup is being made"
            header = self._folders.new_header(candidate.study_uid)
            write_durably(header, remains.header)
            age = self._mark(candidate, header, remains.fingerprint, because)
            if isinstance(age, str):
                _drop(header)
                return age
            image.unlink(missing_ok=True)
            remove_picture(self._folders, candidate.study_uid, instance.sop_instance_uid)
        log.info(
            "retention.deleted",
            study=candidate.study_uid,
            instance=instance.sop_instance_uid,
            because=because,
            bytes=instance.size,
            age_days=_days(age),
        )
        return None

    def _remains(self, image: Path) -> tasks.Remains:
        try:
            return self._child.run(tasks.part_with, image)
        except (ChildCrashed, ChildTooSlow) as error:
            log.warning("retention.not_decoded", file=image.name, reason=str(error))
            return self._child.run(tasks.part_with, image, decode=False)

    def _mark(self, candidate: _Candidate, header: Path, fingerprint: str, because: str) -> timedelta | str:
        """Mark the instance as deleted unless something is open by now; return its age, or why it is kept."""
        with self._database.write() as session:
            study = session.scalars(select(Study).where(Study.id == candidate.study_id).with_for_update()).one_or_none()
            instance = session.get(Instance, candidate.instance.id, with_for_update=True)
            if study is None or instance is None or instance.deleted_at is not None:
                return "the study was forgotten"
            if instance.path != candidate.instance.path:
                return "another object took the place of the image"
            moment = now()
            matter = open_matter(session, study, moment - self._age) or unread_image(session, study, instance)
            if matter is not None:
                return matter
            instance.deleted_at = moment
            instance.deleted_because = because
            instance.header_path = self._folders.relative(header)
            instance.fingerprint = fingerprint
            age = moment - instance.received_at
            session.add(_audit(study, instance, moment, because, age))
        return age


def _audit(study: Study, instance: Instance, moment: datetime, because: str, age: timedelta) -> AuditEntry:
    detail = {
        "sop_instance_uid": instance.sop_instance_uid,
        "because": because,
        "bytes": instance.size,
        "age_days": _days(age),
    }
    return AuditEntry(at=moment, actor=ACTOR, action=ACTION, study_instance_uid=study.study_instance_uid, detail=detail)


def _drop(header: Path) -> None:
    """Remove a header that no row names, and its folder if that is empty: it may be of a study that was forgotten."""
    header.unlink(missing_ok=True)
    try:
        header.parent.rmdir()
    except OSError:
        return  # other headers are in it


def _days(age: timedelta) -> float:
    return round(age.total_seconds() / 86400, 2)
